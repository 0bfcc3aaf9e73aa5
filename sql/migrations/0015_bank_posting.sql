-- How the bank moves money: deposits, withdrawals and transfers, many in one call.

-- A request to move money, with who asks. The house's side is null: a deposit has no `from`, a withdrawal no `to`.
create type bank.movement as (
  business_id uuid, id uuid, kind bank.transfer_kind, from_account_id uuid, to_account_id uuid, amount bigint,
  currency char(3), reference text, memo text, category text,
  own_user_id uuid,                                      -- the person whose own money it must be; null: anybody's
  user_id uuid, member_id uuid, session_id uuid, request_id text, ip inet, key text, request_hash text, instance text);

create function bank.transfer_body(t bank.transfers) returns json language sql stable parallel safe as $$
  select json_build_object('id', t.id, 'kind', t.kind, 'status', t.status, 'from_account_id', t.from_account_id,
    'to_account_id', t.to_account_id, 'amount', t.amount, 'fee', t.fee, 'currency', t.currency, 'reference', t.reference,
    'memo', t.memo, 'category', t.category, 'reversed_by_id', t.reversed_by_id, 'version', t.version,
    'created_at', core.iso(t.created_at), 'updated_at', core.iso(t.updated_at), 'settled_at', core.iso(t.settled_at)) $$;

-- A movement with its two ends, by its number; what can be refused without a lock is refused here (`pointer`: which member
-- of the request is to blame).
create type bank.prepared as (
  n int, refusal text, pointer text, business_id uuid, id uuid, kind bank.transfer_kind, from_account_id uuid,
  to_account_id uuid, amount bigint, debit_id uuid, credit_id uuid, reference text, user_id uuid, limit_day date,
  daily_limit bigint, monthly_limit bigint);

create function bank.prepare_movements(p_movements bank.movement[]) returns bank.prepared[]
language plpgsql stable as $$ begin return (
  select array_agg(row(m.n, r.refusal, r.pointer, m.business_id, m.id, m.kind, m.from_account_id, m.to_account_id, m.amount,
    coalesce(f.id, v.id), coalesce(t.id, v.id), m.reference, m.user_id, d.today, f.daily_limit, f.monthly_limit)
    ::bank.prepared order by m.n)
  from unnest(p_movements) with ordinality m (business_id, id, kind, from_account_id, to_account_id, amount, currency,
    reference, memo, category, own_user_id, user_id, member_id, session_id, request_id, ip, key, request_hash, instance, n)
  join core.businesses b on b.id = m.business_id
  left join bank.accounts f on f.business_id = m.business_id and f.id = m.from_account_id
  left join bank.accounts t on t.business_id = m.business_id and t.id = m.to_account_id
  left join ledger.accounts v on (m.from_account_id is null or m.to_account_id is null) and v.business_id = m.business_id
    and v.code = 'cash:vault' || case when b.currency = m.currency then '' else ':' || lower(m.currency) end
  cross join lateral (select (now() at time zone b.timezone)::date as today) d
  cross join lateral (select case
      when m.from_account_id is not null and (f.id is null or m.own_user_id is not null and not exists (
          select from core.customers c where c.business_id = f.business_id and c.id = f.customer_id
            and c.user_id = m.own_user_id)) then array['reference_not_found', '/from_account_id']
      when m.to_account_id is not null and t.id is null then array['reference_not_found', '/to_account_id']
      when f.id = t.id then array['same_account', '/to_account_id']
      when f.currency <> m.currency or t.currency <> m.currency then array['currency_mismatch', '/currency']
      when f.status not in ('active', 'dormant') then array['account_not_open', '/from_account_id']
      when t.status not in ('active', 'dormant') then array['account_not_open', '/to_account_id'] end) x (refused)
  cross join lateral (select x.refused[1] as refusal, x.refused[2] as pointer) r
); end $$;

-- The vault of each business and currency that money comes from or goes to; made when it is first needed.
create function bank.ensure_vaults(p_movements bank.movement[]) returns void language plpgsql as $$
declare
  v record;
begin
  for v in
    select distinct m.business_id, m.currency from unnest(p_movements) m
    where (m.from_account_id is null or m.to_account_id is null) and not exists (
        select from ledger.accounts a where a.business_id = m.business_id
          and a.code = ledger.house_code(m.business_id, 'cash:vault', m.currency))
      and exists (select from core.currencies c where c.code = m.currency)
  loop
    perform ledger.house_account(v.business_id, 'cash:vault', 'asset', v.currency, 8);
  end loop;
end $$;

create type bank.moved as (n int, refusal text, pointer text, detail jsonb, body text);

-- Moves what can be moved and tells of each movement, in order, what became of it: its body, or why not. Refusals beside
-- those of ledger.post_batch: reference_not_found, same_account, currency_mismatch. Amounts count against the limits of the
-- account that they leave, in the calendar of the business. Money that moves makes a dormant account active.
create function bank.move(p_movements bank.movement[]) returns bank.moved[] language plpgsql as $$
declare
  v_all bank.prepared[]; v_sound bank.prepared[]; v_outcomes ledger.outcome[]; v_moved bank.moved[];
begin
  perform bank.ensure_vaults(p_movements);
  v_all := bank.prepare_movements(p_movements);
  select array_agg(a order by a.n) into v_sound from unnest(v_all) a where a.refusal is null;
  if v_sound is not null then
    v_outcomes := ledger.post_batch(bank.postings_of(v_sound), bank.legs_of(v_sound), bank.limits_of(v_sound));
  end if;
  with outcome as (
    select a.n, o.refusal, o.detail from rows from (unnest(v_sound), unnest(v_outcomes))
      a (n, unsound, pointer, business_id, id, kind, from_account_id, to_account_id, amount, debit_id, credit_id, reference,
        user_id, limit_day, daily_limit, monthly_limit, refusal, detail),
      lateral (select a.refusal, a.detail) o),
  written as (select w.id, w.body from bank.write_transfers(p_movements, array(
    select o.n from outcome o where o.refusal is null)) w)
  select array_agg(row(a.n, coalesce(a.refusal, o.refusal), a.pointer, o.detail, w.body)::bank.moved order by a.n)
  into v_moved
  from unnest(v_all) a left join outcome o on o.n = a.n left join written w on w.id = a.id;
  update bank.accounts c set status = 'active'
  from (select m.business_id, e.id from unnest(p_movements) with ordinality m (business_id, id, kind, from_account_id,
        to_account_id, amount, currency, reference, memo, category, own_user_id, user_id, member_id, session_id, request_id,
        ip, key, request_hash, instance, n)
      join unnest(v_moved) d on d.n = m.n and d.refusal is null
      cross join lateral (values (m.from_account_id), (m.to_account_id)) e (id)) e
  where c.business_id = e.business_id and c.id = e.id and c.status = 'dormant';
  return v_moved;
end $$;

create function bank.postings_of(p_prepared bank.prepared[]) returns ledger.posting[]
language plpgsql immutable as $$ begin return (
  select array_agg(row(m.business_id, m.id, 'single', 'bank.' || m.kind, m.reference, null, null, null, null, null, null,
    m.user_id, null)::ledger.posting) from unnest(p_prepared) m
); end $$;

create function bank.legs_of(p_prepared bank.prepared[]) returns ledger.leg[]
language plpgsql immutable as $$ begin return (
  select array_agg(row(m.place, l.account_id, l.side, m.amount)::ledger.leg)
  from rows from (unnest(p_prepared)) with ordinality m (n, refusal, pointer, business_id, id, kind, from_account_id,
    to_account_id, amount, debit_id, credit_id, reference, user_id, limit_day, daily_limit, monthly_limit, place)
  cross join lateral (values (m.debit_id, 'debit'::ledger.side), (m.credit_id, 'credit'::ledger.side)) l (account_id, side)
); end $$;

create function bank.limits_of(p_prepared bank.prepared[]) returns ledger.limit_use[]
language plpgsql immutable as $$ begin return (
  select array_agg(row(m.place, m.from_account_id, l.window_kind, l.window_start, m.amount, l.cap)::ledger.limit_use)
  from rows from (unnest(p_prepared)) with ordinality m (n, refusal, pointer, business_id, id, kind, from_account_id,
    to_account_id, amount, debit_id, credit_id, reference, user_id, limit_day, daily_limit, monthly_limit, place)
  cross join lateral (values ('day', m.limit_day, m.daily_limit),
    ('month', date_trunc('month', m.limit_day)::date, m.monthly_limit)) l (window_kind, window_start, cap)
  where m.from_account_id is not null
); end $$;

-- The rows of what was posted, and their lines in the audit trail. Rows of one call belong to several people, whom a setting
-- of the transaction cannot name: so the triggers that ask it are off (app.import), and this says what they would say.
create function bank.write_transfers(p_movements bank.movement[], p_numbers int[]) returns table (id uuid, body text)
language plpgsql as $$
declare
  v_at timestamptz := clock_timestamp();
  v_import text := coalesce(current_setting('app.import', true), 'off');
begin
  perform set_config('app.import', 'on', true);
  return query
  with asked as (
    select * from unnest(p_movements) with ordinality m (business_id, id, kind, from_account_id, to_account_id, amount,
      currency, reference, memo, category, own_user_id, user_id, member_id, session_id, request_id, ip, key, request_hash,
      instance, n)
    where m.n = any (p_numbers)),
  made as (
    insert into bank.transfers as t (business_id, id, kind, status, from_account_id, to_account_id, amount, currency,
      reference, memo, category, settled_at, created_at, updated_at, created_by, updated_by)
    select a.business_id, a.id, a.kind, 'posted', a.from_account_id, a.to_account_id, a.amount, a.currency,
      coalesce(a.reference, a.id::text), a.memo, a.category, v_at, v_at, v_at, a.user_id, a.user_id
    from asked a order by a.n
    returning t.*),
  told as (
    insert into core.audit_log (business_id, actor_user_id, session_id, request_id, ip, action, entity_type, entity_id, after)
    select a.business_id, a.user_id, a.session_id, a.request_id, a.ip, 'transfer.created', 'transfer', a.id,
      to_jsonb(m) - '{created_at,created_by,updated_at,updated_by,version}'::text[]
    from made m join asked a on a.id = m.id order by a.n)
  select m.id, bank.transfer_body(m)::text from made m;
  perform set_config('app.import', v_import, true);
end $$;
