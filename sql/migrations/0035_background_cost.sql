-- What the work beside the requests costs them.

-- Every line of the audit trail is sealed soon after it was written, beside the load that writes them. What is called for
-- each row is therefore inlined into the sealer's own expressions: a function that calls what is stable only (to_char,
-- convert_to) is not while it says that it is immutable, and then starts an executor of its own.
create or replace function core.audit_text(p_row core.audit_log) returns text language sql stable parallel safe
return jsonb_build_array(p_row.seq, p_row.id, to_char(p_row.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  p_row.business_id, p_row.actor_user_id, p_row.session_id, p_row.request_id, p_row.ip::text, p_row.action,
  p_row.entity_type, p_row.entity_id, p_row.before, p_row.after)::text;

create or replace function core.audit_hash(p_previous bytea, p_row core.audit_log) returns bytea
language sql stable parallel safe
return sha256(p_previous || convert_to(core.audit_text(p_row), 'UTF8'));

-- The sealer's one change, seq and hash from null to a value and nothing beside them, is no case for the guard, which would
-- be called for each row to find that out. The columns are all but these two.
drop trigger refuse_change on core.audit_log;
create trigger refuse_change before update on core.audit_log for each row
when (old.seq is not null or new.seq is null
  or (old.id, old.at, old.business_id, old.actor_user_id, old.session_id, old.request_id, old.ip, old.action,
    old.entity_type, old.entity_id, old.before, old.after, old.xid)
  is distinct from (new.id, new.at, new.business_id, new.actor_user_id, new.session_id, new.request_id, new.ip, new.action,
    new.entity_type, new.entity_id, new.before, new.after, new.xid))
execute function core.guard_audit_log();
create trigger refuse_delete before delete on core.audit_log for each row execute function core.guard_audit_log();

-- Nobody waits for what these two do, and after a crash that forgets it they do it again: rows are whole or as they were.
-- So their commits take no turn at the disk, where the commits of transfers wait
-- (https://www.postgresql.org/docs/18/wal-async-commit.html). Otherwise they are as in 0002 and 0020.
create or replace function core.seal_audit(p_max int) returns int language plpgsql as $$
declare
  v_row core.audit_log; v_seq bigint; v_hash bytea; v_count int := 0;
  v_ats timestamptz[] := '{}'; v_ids bigint[] := '{}'; v_seqs bigint[] := '{}'; v_hashes bytea[] := '{}';
begin
  select c.last_seq, c.last_hash into v_seq, v_hash from core.audit_chain c for update skip locked;
  if not found then return 0; end if;
  for v_row in
    select a.* from core.audit_log a
    where a.seq is null and a.xid is distinct from pg_current_xact_id_if_assigned()
      and (a.xid < pg_snapshot_xmin(pg_current_snapshot()) or a.xid >= pg_snapshot_xmax(pg_current_snapshot()))
    order by a.xid, a.id limit p_max
  loop
    v_seq := v_seq + 1; v_row.seq := v_seq; v_hash := core.audit_hash(v_hash, v_row);
    v_ats := v_ats || v_row.at; v_ids := v_ids || v_row.id; v_seqs := v_seqs || v_seq; v_hashes := v_hashes || v_hash;
    v_count := v_count + 1;
  end loop;
  if v_count = 0 then return 0; end if;
  perform set_config('synchronous_commit', 'off', true);
  update core.audit_log a set seq = s.seq, hash = s.hash
  from unnest(v_ats, v_ids, v_seqs, v_hashes) s (at, id, seq, hash) where a.at = s.at and a.id = s.id;
  update core.audit_chain set last_seq = v_seq, last_hash = v_hash, sealed_at = now();
  return v_count;
end $$;

create or replace function core.fold_counters(p_max int) returns int language plpgsql as $$
declare
  v_folded bigint[];
begin
  if not pg_try_advisory_xact_lock(hashtextextended('core.fold_counters', 0)) then return 0; end if;
  v_folded := array(select d.id from core.counter_deltas d order by d.id limit p_max);
  if cardinality(v_folded) = 0 then return 0; end if;
  perform set_config('synchronous_commit', 'off', true);
  merge into core.counters c
  using (
    select d.business_id, d.name, d.dimension, sum(d.count)::bigint as count, sum(d.total) as total
    from core.counter_deltas d where d.id = any(v_folded) group by d.business_id, d.name, d.dimension) d
  on c.business_id = d.business_id and c.name = d.name and c.dimension = d.dimension
  when matched and c.count + d.count = 0 and c.total + d.total = 0 then delete
  when matched then update set count = c.count + d.count, total = c.total + d.total
  when not matched and (d.count <> 0 or d.total <> 0) then
    insert (business_id, name, dimension, count, total) values (d.business_id, d.name, d.dimension, d.count, d.total);
  delete from core.counter_deltas d where d.id = any(v_folded);
  return cardinality(v_folded);
end $$;
