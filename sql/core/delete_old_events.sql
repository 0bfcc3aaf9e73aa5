-- Forgets events that nobody can resume from any more, oldest first. One replica at a time; another one forgets nothing.
-- $1 retention_s: how long they are kept
-- $2 limit_rows: how many are looked at
-- index: outbox_seq_uq
with turn as materialized (
  select pg_try_advisory_xact_lock(hashtextextended('core.delete_old_events', 0)) as is_ours),
gone as (
  delete from core.outbox o using turn
  where turn.is_ours and o.at < now() - make_interval(secs => $1) and o.seq = any (array(
    select e.seq from core.outbox e where e.seq > 0 order by e.seq limit $2::int))
  returning o.seq),
noted as (
  update core.outbox_forgotten f set seq = g.seq from (select max(x.seq) as seq from gone x) g where g.seq > f.seq)
select count(*)::int as deleted from gone;
