-- Every write says, in its own statement and transaction, what it makes wrong in the cache.

-- core.invalidate with the id that the writer chose. p_invalidation: {"outbox_id": "…", "tags": ["…"]}, or null for
-- nothing.
create function core.record_invalidation(p_invalidation jsonb) returns void language sql volatile as $$
  insert into core.cache_outbox (id, tags)
  select (p_invalidation ->> 'outbox_id')::bigint, array(select jsonb_array_elements_text(p_invalidation -> 'tags'))
  where jsonb_typeof(p_invalidation) = 'object' and jsonb_array_length(p_invalidation -> 'tags') > 0 $$;

-- Closes a write: says what it made wrong in the cache, stores the answer under its key, if there is one, and returns
-- the body. Call it once per statement. (The first form is in 0001.)
create or replace function core.end_act(p_act jsonb, p_status int, p_body text, p_location text default null,
  p_version int default null) returns text
language plpgsql as $$
begin
  perform core.record_invalidation(p_act -> 'invalidation');
  if p_act ->> 'key' is null then return p_body; end if;
  insert into core.idempotency_keys (business_id, member_id, key, request_hash, status, response, location, version)
  values ((p_act ->> 'business_id')::uuid, (p_act ->> 'member_id')::uuid, p_act ->> 'key',
    decode(p_act ->> 'request_hash', 'hex'), p_status, p_body, p_location, p_version)
  on conflict do nothing;
  if not found then
    raise exception 'the first request with this key is still running'
      using errcode = '23514', constraint = 'idempotency_in_progress';
  end if;
  return p_body;
end $$;
