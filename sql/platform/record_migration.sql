-- Records that a migration ran; one that had been taken back is applied again.
-- $1 name: of the migration
-- $2 sha256: of its text, hexadecimal
-- $3 duration_ms: how long it took
insert into public.schema_migrations as m (name, sha256, duration_ms) values ($1::text, $2::text, $3::int)
on conflict (name) do update
set sha256 = excluded.sha256, duration_ms = excluded.duration_ms, applied_at = now(), rolled_back_at = null;
