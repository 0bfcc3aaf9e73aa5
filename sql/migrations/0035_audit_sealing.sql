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
