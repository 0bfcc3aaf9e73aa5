-- Where the write-ahead log of the primary stands and which timeline it writes: who has replayed so far has every commit
-- that anybody knew of before. The insert position, because with synchronous_commit off a commit is told before it is written.
-- $1 token: any number, comes back as it went
select pg_current_wal_insert_lsn()::text as wal,
  ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int as timeline,
  $1::int as token;
