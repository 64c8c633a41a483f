-- What the role <database>_user may do in the warehouse: make schemas of its own.
DO $$
DECLARE
    loader text := current_database() || '_user';
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format(
        'GRANT CONNECT, CREATE, TEMPORARY ON DATABASE %I TO %I', current_database(), loader
    );
END
$$;
