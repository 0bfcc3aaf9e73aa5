-- Which database system this is, and whether it follows another. Copies share the number of the system. The timeline is that
-- of the last checkpoint: a standby that has just gone over to another one still names the former, never the reverse.
-- $1 token: any number, comes back as it went
select (pg_control_system()).system_identifier::text as system, (pg_control_checkpoint()).timeline_id::int as timeline,
  pg_is_in_recovery() as is_standby, $1::int as token;
