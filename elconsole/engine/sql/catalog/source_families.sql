-- The tables that inherit from those in $1, however far down, each with the one of $1.
WITH RECURSIVE family (parent, child) AS (
  SELECT i.inhparent, i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = ANY (%s::oid[])
   UNION
  SELECT f.parent, i.inhrelid FROM family f JOIN pg_catalog.pg_inherits i ON i.inhparent = f.child
)
SELECT parent::int8, child::int8 FROM family
