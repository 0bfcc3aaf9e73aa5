-- Where migrations are recorded. Runs before every migration and is itself not recorded.
create table if not exists public.schema_migrations (
  name text collate "C" primary key,                     -- of the file, without its ending
  sha256 text not null,                                  -- of its text, hexadecimal
  applied_at timestamptz not null default now(),
  duration_ms int not null,
  rolled_back_at timestamptz                             -- taken back by its rollback file: the next run applies it again
);
