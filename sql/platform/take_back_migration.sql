-- Records that a migration was taken back by its rollback file.
-- $1 name: of the migration
update public.schema_migrations set rolled_back_at = now() where name = $1::text;
