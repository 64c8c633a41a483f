-- For docker-compose.yml only: the role <database>_user with the password of the default
-- settings. The embedded plant needs no passwords.
DO $$
BEGIN
    EXECUTE format(
        'CREATE ROLE %I LOGIN PASSWORD %L',
        current_database() || '_user', current_database() || '_password'
    );
END
$$;
