-- How the bank moves money: deposits, withdrawals and transfers, many in one call, each under its own key or none.

create function bank.transfer_body(t bank.transfers) returns json language sql stable parallel safe as $$
  select json_build_object('id', t.id, 'kind', t.kind, 'status', t.status, 'from_account_id', t.from_account_id,
    'to_account_id', t.to_account_id, 'amount', t.amount, 'fee', t.fee, 'currency', t.currency, 'reference', t.reference,
    'memo', t.memo, 'category', t.category, 'reversed_by_id', t.reversed_by_id, 'version', t.version,
    'created_at', core.iso(t.created_at), 'updated_at', core.iso(t.updated_at), 'settled_at', core.iso(t.settled_at)) $$;

-- A request to move money with all that decides over it. First what was asked (see bank.prepare), then what was found:
-- its place among the requests; why it cannot be (`blamed`: the member that is to blame), and the answer that its key was
-- given before; the ledger accounts of both ends, the day and the limits of the account that pays; whether one of the two is
-- dormant.
create type bank.prepared as (
  business_id uuid, id uuid, kind bank.transfer_kind, from_account_id uuid, to_account_id uuid, amount bigint,
  currency char(3), reference text, memo text, category text, own_user_id uuid, user_id uuid, member_id uuid,
  session_id uuid, request_id text, ip inet, key text, request_hash text, instance text, pointer text, place int,
  refusal text, blamed text, answer core.idempotency_keys, debit_id uuid, credit_id uuid, today date, daily_limit
  bigint, monthly_limit bigint, is_waking boolean);

-- p_movements: an array of requests. The house's side is null: a deposit has no from_account_id, a withdrawal no
-- to_account_id. own_user_id: the person whose own money it must be; null: anybody's. key, request_hash (hex): null where
-- the answer is not kept. pointer: where the request stands in its document.
create function bank.prepare(p_movements jsonb) returns bank.prepared[] language plpgsql stable as $$ begin return (
  select array_agg(row(m.business_id, m.id, m.kind, m.from_account_id, m.to_account_id, m.amount, m.currency, m.reference, m.memo,
    m.category, m.own_user_id, m.user_id, m.member_id, m.session_id, m.request_id, m.ip, m.key, m.request_hash,
    m.instance, m.pointer,
    m.n, x.refused[1], x.refused[2], case when k.request_hash = decode(m.request_hash, 'hex') then k end,
    coalesce(f.id, v.id), coalesce(t.id, v.id), d.today, f.daily_limit, f.monthly_limit,
    f.status = 'dormant' or t.status = 'dormant')::bank.prepared order by m.n)
  from (
    select *, case when key is not null then row_number() over (partition by business_id, member_id, key order by n) end as turn
    from rows from (jsonb_to_recordset(p_movements) as (
    business_id uuid, id uuid, kind bank.transfer_kind, from_account_id uuid, to_account_id uuid, amount bigint,
    currency char(3), reference text, memo text, category text, own_user_id uuid, user_id uuid, member_id uuid,
    session_id uuid, request_id text, ip inet, key text, request_hash text, instance text, pointer text)) with ordinality
      m (business_id, id, kind, from_account_id, to_account_id, amount, currency, reference, memo, category, own_user_id,
    user_id, member_id, session_id, request_id, ip, key, request_hash, instance, pointer, n)) m
  join core.businesses b on b.id = m.business_id
  left join core.idempotency_keys k on k.business_id = m.business_id and k.member_id = m.member_id and k.key = m.key
  left join bank.accounts f on f.business_id = m.business_id and f.id = m.from_account_id
  left join bank.accounts t on t.business_id = m.business_id and t.id = m.to_account_id
  left join ledger.accounts v on (m.from_account_id is null or m.to_account_id is null) and v.business_id = m.business_id
    and v.code = 'cash:vault' || case when b.currency = m.currency then '' else ':' || lower(m.currency) end
  cross join lateral (select (now() at time zone b.timezone)::date as today) d
  cross join lateral (select case
      -- an earlier request of this call is the first one with the key
      when m.turn > 1 and k.key is null then array['idempotency_in_progress']
      when k.request_hash <> decode(m.request_hash, 'hex') then array['idempotency_mismatch']
      when m.from_account_id is not null and (f.id is null or m.own_user_id is not null and not exists (
          select from core.customers c where c.business_id = f.business_id and c.id = f.customer_id
            and c.user_id = m.own_user_id)) then array['reference_not_found', '/from_account_id']
      when m.to_account_id is not null and t.id is null then array['reference_not_found', '/to_account_id']
      when f.id = t.id then array['same_account', '/to_account_id']
      when f.currency <> m.currency or t.currency <> m.currency then array['currency_mismatch', '/currency']
      when f.status not in ('active', 'dormant') then array['account_not_open', '/from_account_id']
      when t.status not in ('active', 'dormant') then array['account_not_open', '/to_account_id'] end as refused) x
); end $$;

-- The vault of each business and currency that money comes from or goes to; made when it is first needed.
create function bank.ensure_vaults(p_movements jsonb) returns void language plpgsql as $$
declare
  v record;
begin
  -- most calls are about transfers between accounts
  if not p_movements @? '$[*] ? (@.kind != "internal")' then return; end if;
  for v in
    select distinct m.business_id, m.currency
    from jsonb_to_recordset(p_movements) m (business_id uuid, from_account_id uuid, to_account_id uuid, currency char(3))
    where (m.from_account_id is null or m.to_account_id is null) and not exists (
        select from ledger.accounts a where a.business_id = m.business_id
          and a.code = ledger.house_code(m.business_id, 'cash:vault', m.currency))
      and exists (select from core.currencies c where c.code = m.currency)
  loop
    perform ledger.house_account(v.business_id, 'cash:vault', 'asset', v.currency, 16);
  end loop;
end $$;

-- What became of a request: `refusal` is null for what was posted or answered before. `is_stored` when it was answered
-- before. A key in trouble (idempotency_in_progress, idempotency_mismatch) has status 0 and no body.
create type bank.moved as (
  place int, refusal text, status int, body text, location text, version int, is_stored boolean);

-- Moves what can be moved and tells of each request, in order, what became of it: posted (201), refused (422, a problem
-- document), or answered before. Effects and the answers under the keys commit together. Refusals beside those of
-- ledger.post_batch: reference_not_found, same_account, currency_mismatch. Amounts count against the limits of the account
-- that they leave, in the calendar of the business. Money that moves makes a dormant account active.
-- p_problems: by code, what the catalogue says of each refusal.
--
-- A key that another call takes in this moment shows when the answers are written: then all of it is undone, as a
-- serialisation failure, and tried again, when the other's answer is there.
create function bank.move(p_movements jsonb, p_problems jsonb) returns bank.moved[]
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  v_requests bank.prepared[]; v_outcomes ledger.outcome[]; v_moved bank.moved[]; v_kept int; v_due int;
  v_import text := coalesce(current_setting('app.import', true), 'off');
  v_postings ledger.posting[]; v_legs ledger.leg[]; v_limits ledger.limit_use[]; v_is_waking boolean;
begin
  perform bank.ensure_vaults(p_movements);
  v_requests := bank.prepare(p_movements);
  -- every request has a posting, so that places agree; one that is refused already has no legs
  select array_agg(row(m.business_id, m.id, 'single', 'bank.' || m.kind, m.reference, null, null, m.memo, null, null, null,
      m.user_id, null)::ledger.posting order by m.place), bool_or(m.is_waking)
  into v_postings, v_is_waking from unnest(v_requests) m;
  select array_agg(row(m.place, l.account_id, l.side, m.amount)::ledger.leg) into v_legs
  from unnest(v_requests) m
  cross join lateral (values (m.debit_id, 'debit'::ledger.side), (m.credit_id, 'credit')) l (account_id, side)
  where m.refusal is null and (m.answer).key is null;
  select coalesce(array_agg(row(m.place, m.from_account_id, l.window_kind, l.window_start, m.amount, l.cap)::ledger.limit_use), '{}')
  into v_limits
  from unnest(v_requests) m
  cross join lateral (values ('day', m.today, m.daily_limit),
    ('month', date_trunc('month', m.today)::date, m.monthly_limit)) l (window_kind, window_start, cap)
  where m.from_account_id is not null and m.refusal is null and (m.answer).key is null;
  if v_legs is not null then v_outcomes := ledger.post_batch(v_postings, v_legs, v_limits); end if;
  -- rows of one call belong to several people, whom a setting of the transaction cannot name: the triggers that ask it are
  -- off, and the statement says what they would say
  perform set_config('app.import', 'on', true);
  select w.moved, w.kept, w.due into v_moved, v_kept, v_due
  from bank.write_moved(v_requests, v_outcomes, p_problems) w;
  perform set_config('app.import', v_import, true);
  if v_kept <> v_due then
    raise exception 'another call takes one of the keys' using errcode = '40001', constraint = 'idempotency_in_progress';
  end if;
  if v_is_waking then perform bank.wake_accounts(v_requests, v_moved); end if;
  return v_moved;
end $$;

-- The rows of what was posted, their lines in the audit trail, and the answers under their keys, in one statement. A
-- transfer is made (created_at) at the instant whose day its limits were counted in, however long it waited for locks: by
-- it bank.reverse_transfer knows what to give back.
create function bank.write_moved(p_requests bank.prepared[], p_outcomes ledger.outcome[], p_problems jsonb,
  out moved bank.moved[], out kept int, out due int) language plpgsql as $$
declare
  v_at timestamptz := clock_timestamp();
begin
  with request as materialized (
    select m.*, coalesce(m.refusal, m.judged) as why,
      m.refusal is null and m.judged is null and (m.answer).key is null as is_posted
    from rows from (unnest(p_requests), unnest(p_outcomes)) m (
      business_id, id, kind, from_account_id, to_account_id, amount, currency, reference, memo, category, own_user_id,
      user_id, member_id, session_id, request_id, ip, key, request_hash, instance, pointer, place, refusal,
      blamed, answer, debit_id, credit_id, today, daily_limit, monthly_limit, is_waking,
      judged, detail)),
  made as (
    insert into bank.transfers as t (business_id, id, kind, status, from_account_id, to_account_id, amount, currency,
      reference, memo, category, settled_at, created_at, updated_at, created_by, updated_by)
    select m.business_id, m.id, m.kind, 'posted', m.from_account_id, m.to_account_id, m.amount, m.currency,
      coalesce(m.reference, m.id::text), m.memo, m.category, v_at, now(), now(), m.user_id, m.user_id
    from request m where m.is_posted order by m.place
    returning t.*),
  told as (
    insert into core.audit_log (business_id, actor_user_id, session_id, request_id, ip, action, entity_type, entity_id, after)
    select m.business_id, m.user_id, m.session_id, m.request_id, m.ip, 'transfer.created', 'transfer', m.id,
      to_jsonb(t) - '{created_at,created_by,updated_at,updated_by,version}'::text[]
    from request m join made t on t.id = m.id order by m.place),
  answered as materialized (
    select m.place, m.why, m.business_id, m.member_id, m.key, m.request_hash, (m.answer).key is not null as is_stored,
      case when (m.answer).key is not null then (m.answer).status when m.why like 'idempotency%' then 0
        when m.why is not null then 422 else 201 end as status,
      case when (m.answer).key is not null then (m.answer).response when m.why like 'idempotency%' then null
        when m.why is not null then core.problem_body(p_problems -> m.why, m.why,
          case when m.pointer is not null or m.blamed is not null then concat(m.pointer, m.blamed) end, m.detail, m.instance,
          m.request_id)
        else bank.transfer_body(t)::text end as body,
      case when (m.answer).key is not null then (m.answer).location
        when t.id is not null then '/api/v1/transfers/' || t.id end as location,
      case when (m.answer).key is not null then (m.answer).version else t.version end as version
    from request m left join made t on t.id = m.id),
  stored as (
    insert into core.idempotency_keys (business_id, member_id, key, request_hash, status, response, location, version)
    select a.business_id, a.member_id, a.key, decode(a.request_hash, 'hex'), a.status, a.body, a.location, a.version
    from answered a where a.key is not null and not a.is_stored and a.status > 0
    order by a.business_id, a.member_id, a.key
    on conflict do nothing returning 1)
  select array_agg(row(a.place, case when not a.is_stored or a.status = 0 then a.why end, a.status, a.body, a.location,
      a.version, a.is_stored)::bank.moved order by a.place),
    (select count(*) from stored), count(*) filter (where a.key is not null and not a.is_stored and a.status > 0)
  into moved, kept, due from answered a;
end $$;

-- What the accounts show is wrong then, too; the relay tells it, for nobody knew when the call was made (tags: src/bank/tags.ts).
create function bank.wake_accounts(p_requests bank.prepared[], p_moved bank.moved[]) returns void language sql as $$
  with woken as (
    update bank.accounts c set status = 'active'
    from (
      select m.business_id, e.id from unnest(p_requests) m
      join unnest(p_moved) d on d.place = m.place and d.status = 201 and not d.is_stored
      cross join lateral (values (m.from_account_id), (m.to_account_id)) e (id)) e
    where c.business_id = e.business_id and c.id = e.id and c.status = 'dormant' returning c.business_id, c.id)
  select core.invalidate(array(
    select t.tag from woken w cross join lateral (values (format('b:%s|bank_accounts', w.business_id)),
      (format('b:%s|bank_accounts:%s', w.business_id, w.id))) t (tag)))
$$;
