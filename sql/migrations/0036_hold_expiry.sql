-- Looking for holds whose time has passed cost what the ledger held, every two seconds, and delayed what was posted meanwhile:
-- a connection kept the plan that it had made over a small table, and read all of a large one. The rows are few, and each is
-- found by an index, whatever the statistics say.

-- Expires holds as ledger.expire_holds found them. Returns how many.
create function ledger.expire_these(p_holds ledger.transactions[]) returns int
language plpgsql set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
  v_hold ledger.transactions; v_ended ledger.transactions[] := '{}';
begin
  -- all of them in the one order in which rows are locked
  perform 1 from ledger.balances b
  where (b.business_id, b.account_id, b.shard) in (
    select e.business_id, e.account_id, e.shard
    from unnest(p_holds) h join ledger.entries e on e.business_id = h.business_id and e.transaction_id = h.id)
  order by b.business_id, b.account_id, b.shard for no key update;
  foreach v_hold in array p_holds loop
    begin
      perform ledger.resolve(v_hold.business_id, ledger.new_id(), v_hold.id, 'expire', null);
      v_ended := v_ended || v_hold;
    exception when check_violation then null;            -- settled in this moment
    end;
  end loop;
  perform core.invalidate(array(
    select distinct format('b:%s|ledger_account:%s', e.business_id, e.account_id)
    from unnest(v_ended) h join ledger.entries e on e.business_id = h.business_id and e.transaction_id = h.id));
  return cardinality(v_ended);
end $$;

-- Expires up to p_max holds whose time passed after p_since, and says in the cache's outbox which accounts they held money
-- of. One call at a time: another one expires nothing. Returns how many, and since when to look next time: no hold that
-- has to expire is older.
create or replace function ledger.expire_holds(p_max int, p_since timestamptz, out expired int, out since timestamptz)
language plpgsql set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
  v_holds ledger.transactions[];
begin
  expired := 0; since := p_since;
  if not pg_try_advisory_xact_lock(hashtextextended('ledger.expire_holds', 0)) then return; end if;
  v_holds := array(
    select t from ledger.transactions t
    where t.expires_at <= now() and t.expires_at >= p_since and not exists (
      select from ledger.transactions x where x.business_id = t.business_id and x.pending_id = t.id)
    order by t.expires_at limit p_max);
  if cardinality(v_holds) > 0 then
    expired := ledger.expire_these(v_holds);
  end if;
  -- an hour: one that was made meanwhile, and that nobody sees yet, may have passed already
  since := case when cardinality(v_holds) < p_max then now() - interval '1 hour' else (v_holds[1]).expires_at end;
end $$;
