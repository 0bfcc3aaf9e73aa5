-- Accounts of the bank: how one is opened, changed and moved from state to state, what its customer's KYC level lets it
-- do, and how it looks. The moves themselves are a table in src/bank/account-moves.ts.

-- The first UUIDv7 of a millisecond (RFC 9562 section 5.7): bounds a walk along ids by time.
create function core.first_id_at(p_at timestamptz) returns uuid language sql immutable parallel safe
return (lpad(to_hex(greatest(floor(extract(epoch from p_at) * 1000), 0)::bigint), 12, '0') || repeat('0', 20))::uuid;

------------------------------------------------------------------------------------------------------------ limits
-- bank.limits where nobody has set it: what leaves an account in a day and in a month, by the KYC level of its customer,
-- in minor units of the business's currency. The catalogue of settings says the same.
create function bank.default_limits() returns jsonb language sql immutable parallel safe return '{
  "0": {"daily": 5000000, "monthly": 30000000}, "1": {"daily": 20000000, "monthly": 200000000},
  "2": {"daily": 500000000, "monthly": 5000000000}, "3": {"daily": 5000000000, "monthly": 50000000000}}'::jsonb;

create function bank.kyc_level(p_business uuid, p_customer uuid) returns smallint language sql stable parallel safe
return coalesce((select k.level from bank.kyc_profiles k where k.business_id = p_business and k.customer_id = p_customer), 0);

-- What a customer's level allows an account in a currency. In another currency than the business's: at the rate of the
-- setting bank.fx_rates ({"USD": "1550.25"}: business currency for one unit), rounded down, at most 2^53 - 1; both null
-- without a rate.
create function bank.level_limits(p_business uuid, p_customer uuid, p_currency char(3),
  out daily_limit bigint, out monthly_limit bigint) language sql stable as $$
  select case when f.factor is not null then floor(least(l.daily * f.factor, 9007199254740991)) end::bigint,
    case when f.factor is not null then floor(least(greatest(l.daily, l.monthly) * f.factor, 9007199254740991)) end::bigint
  from core.businesses b
  cross join lateral (
    select (e.value ->> 'daily')::numeric as daily, (e.value ->> 'monthly')::numeric as monthly
    from jsonb_each(coalesce(bank.setting(p_business, 'bank.limits'), bank.default_limits())) e
    where e.key ~ '^[0-9]$' and e.key::int <= bank.kyc_level(p_business, p_customer)
    order by e.key desc limit 1) l
  cross join lateral (
    select case when p_currency = b.currency then 1
      else power(10::numeric, theirs.exponent - ours.exponent)
        / nullif((bank.setting(p_business, 'bank.fx_rates') ->> p_currency::text)::numeric, 0) end as factor
    from core.currencies ours, core.currencies theirs where ours.code = b.currency and theirs.code = p_currency) f
  where b.id = p_business
$$;

----------------------------------------------------------------------------------------------------------- opening
-- The accounts of the house that the money of customers moves against. Those that everybody posts to have shards.
create function bank.keep_house_accounts(p_business uuid, p_currency char(3)) returns void language sql as $$
  select ledger.house_account(p_business, h.purpose, h.kind::ledger.account_kind, p_currency, h.shards)
  from (values ('cash:vault', 'asset', 8), ('clearing:wires', 'liability', 8), ('income:bank_fees', 'income', 8),
    ('expense:interest', 'expense', 1), ('income:interest', 'income', 1)) h (purpose, kind, shards)
$$;

-- ISO 7064 MOD 11,10: one digit that finds every wrong digit and nearly every two that changed places.
create function bank.check_digit(p_digits text) returns text language plpgsql immutable parallel safe as $$
declare
  v_rest int := 10; v_sum int;
begin
  for i in 1 .. length(p_digits) loop
    v_sum := (v_rest + substr(p_digits, i, 1)::int) % 10;
    v_rest := (case when v_sum = 0 then 10 else v_sum end * 2) % 11;
  end loop;
  return ((11 - v_rest) % 10)::text;
end $$;

-- Nine digits from the business's own sequence, and their check digit.
create function bank.next_account_number(p_business uuid) returns text language sql volatile as $$
  with taken as (
    insert into core.sequences as s (business_id, name, next_value) values (p_business, 'bank.account_number', 100000001)
    on conflict on constraint sequences_pk do update set next_value = s.next_value + 1
    returning s.next_value - 1 as number)
  select number || bank.check_digit(number::text) from taken
$$;

-- Opens an account: its row, the ledger account that holds its money, and what the house needs in its currency. It waits
-- (pending) for KYC level 1. Refusals: accounts_customer_fk (none, or archived), accounts_currency_fk (not known, or no rate).
create function bank.open_account(p_business uuid, p_id uuid, p_customer uuid, p_type bank.account_type,
  p_currency char(3), p_nickname text default null) returns bank.accounts language plpgsql as $$
declare
  v_account bank.accounts; v_limits record; v_is_known boolean;
begin
  -- one after the other with bank.activate_accounts: an account that it does not see yet sees its level
  perform 1 from core.customers c
  where c.business_id = p_business and c.id = p_customer and c.is_active for no key update;
  if not found then
    raise exception 'no such customer' using errcode = '23514', constraint = 'accounts_customer_fk';
  end if;
  select * into v_limits from bank.level_limits(p_business, p_customer, p_currency);
  if v_limits.daily_limit is null then
    raise exception 'no such currency, or no rate' using errcode = '23514', constraint = 'accounts_currency_fk';
  end if;
  v_is_known := bank.kyc_level(p_business, p_customer) >= 1;
  perform bank.keep_house_accounts(p_business, p_currency);
  perform ledger.ensure_account(p_business, 'bank:account:' || p_id, 'liability', p_currency, 1, 0, p_id,
    'bank.account', p_id);
  -- balances are numbers in JSON, exact to 2^53 - 1
  update ledger.balances b set max_balance = 9007199254740991 where b.business_id = p_business and b.account_id = p_id;
  if not v_is_known then
    update ledger.accounts a set status = bank.ledger_status('pending') where a.business_id = p_business and a.id = p_id;
  end if;
  insert into bank.accounts (business_id, id, customer_id, account_number, type, currency, status, nickname, daily_limit,
    monthly_limit, activated_at)
  values (p_business, p_id, p_customer, bank.next_account_number(p_business), p_type, p_currency,
    case when v_is_known then 'active' else 'pending' end::bank.account_status, p_nickname, v_limits.daily_limit,
    v_limits.monthly_limit, case when v_is_known then now() end)
  returning * into v_account;
  return v_account;
end $$;

------------------------------------------------------------------------------------------------------------- moves
-- What the ledger may post to an account in this state. What moves a dormant one makes it active again.
create function bank.ledger_status(p_status bank.account_status) returns ledger.account_status
language sql immutable parallel safe
return case when p_status in ('active', 'dormant') then 'open' when p_status = 'closed' then 'closed'
  else 'frozen' end::ledger.account_status;

-- Moves an account from one of some states to another, or returns null: not there, another version, another state.
-- Under the lock of its balance, so that no posting is judged by the former state. Refusals: account_not_empty.
create function bank.move_account(p_business uuid, p_id uuid, p_from bank.account_status[], p_to bank.account_status,
  p_reason text default null, p_version int default null) returns bank.accounts language plpgsql as $$
declare
  v_balance ledger.balances; v_account bank.accounts;
begin
  select * into v_balance from ledger.balances b
  where b.business_id = p_business and b.account_id = p_id for no key update;
  update bank.accounts a set status = p_to,
    frozen_reason = case when p_to = 'frozen' then p_reason end,
    unfrozen_reason = case when a.status = 'frozen' and p_to = 'active' then p_reason else a.unfrozen_reason end,
    closed_reason = case when p_to = 'closed' then p_reason end, closed_at = case when p_to = 'closed' then now() end,
    activated_at = case when p_to = 'active' then coalesce(a.activated_at, now()) else a.activated_at end
  where a.business_id = p_business and a.id = p_id and a.status = any (p_from)
    and (p_version is null or a.version = p_version)
  returning * into v_account;
  if not found then return null; end if;
  if p_to = 'closed' and (v_balance.posted_debit <> v_balance.posted_credit
    or v_balance.pending_debit + v_balance.pending_credit > 0) then
    raise exception 'there is money in it' using errcode = '23514', constraint = 'account_not_empty';
  end if;
  update ledger.accounts a set status = bank.ledger_status(p_to)
  where a.business_id = p_business and a.id = p_id and a.status <> bank.ledger_status(p_to);
  return v_account;
end $$;

-- Whether something else than fees and interest has moved an account since then.
create function bank.has_moved_since(p_business uuid, p_account uuid, p_since timestamptz) returns boolean
language sql stable parallel safe
return exists (
  select from bank.transfers x where x.business_id = p_business and x.from_account_id = p_account
    and x.id >= core.first_id_at(p_since) and x.kind not in ('fee', 'interest'))
or exists (
  select from bank.transfers x where x.business_id = p_business and x.to_account_id = p_account
    and x.id >= core.first_id_at(p_since) and x.kind not in ('fee', 'interest'));

-- Makes an active account dormant if nothing has moved it since then; false if something has.
create function bank.rest_account(p_business uuid, p_id uuid, p_since timestamptz) returns boolean language plpgsql as $$
begin
  perform 1 from ledger.balances b where b.business_id = p_business and b.account_id = p_id for no key update;
  -- under the lock again: it may have moved meanwhile
  return not bank.has_moved_since(p_business, p_id, p_since)
    and (bank.move_account(p_business, p_id, '{active}', 'dormant')).id is not null;
end $$;

-- Gives the accounts of a customer what the KYC level allows now: limits of the level, where staff have not set lower
-- ones, and from level 1 on those that waited for it are active. Called after the level was written, also in the same
-- statement. Returns how many accounts changed; they are shown under the tag bank_accounts.
create function bank.activate_accounts(p_business uuid, p_customer uuid) returns int language plpgsql as $$
declare
  v_account bank.accounts; v_limits record; v_is_known boolean; v_is_changed boolean; v_count int := 0;
begin
  perform 1 from core.customers c where c.business_id = p_business and c.id = p_customer for no key update;
  v_is_known := bank.kyc_level(p_business, p_customer) >= 1;
  -- in the order in which postings lock
  for v_account in
    select * from bank.accounts a
    where a.business_id = p_business and a.customer_id = p_customer and a.status <> 'closed' order by a.id
  loop
    select * into v_limits from bank.level_limits(p_business, p_customer, v_account.currency);
    perform 1 from ledger.balances b where b.business_id = p_business and b.account_id = v_account.id for no key update;
    update bank.accounts a set
      daily_limit = case when a.has_own_limits then least(a.daily_limit, v_limits.daily_limit) else v_limits.daily_limit end,
      monthly_limit = case when a.has_own_limits then least(a.monthly_limit, v_limits.monthly_limit)
        else v_limits.monthly_limit end
    where a.business_id = p_business and a.id = v_account.id and v_limits.daily_limit is not null
      and case when a.has_own_limits
        then a.daily_limit > v_limits.daily_limit or a.monthly_limit > v_limits.monthly_limit
        else (a.daily_limit, a.monthly_limit) <> (v_limits.daily_limit, v_limits.monthly_limit) end;
    v_is_changed := found;
    if v_is_known and v_account.status = 'pending' then
      perform bank.move_account(p_business, v_account.id, '{pending}', 'active');
      v_is_changed := true;
    end if;
    v_count := v_count + v_is_changed::int;
  end loop;
  return v_count;
end $$;

-- Changes the members that the patch names; a limit that is null is that of the level again. Null: not there, another
-- version, or closed. Refusals: accounts_daily_limit_level, accounts_monthly_limit_level (above the level's),
-- accounts_monthly_limit_ck, insufficient_funds (overdrawn by more than the new overdraft limit).
create function bank.update_account(p_business uuid, p_id uuid, p_patch jsonb, p_version int default null)
returns bank.accounts language plpgsql as $$
declare
  v_account bank.accounts; v_daily bigint; v_monthly bigint; v_daily_max bigint; v_monthly_max bigint;
begin
  perform 1 from ledger.balances b where b.business_id = p_business and b.account_id = p_id for no key update;
  select * into v_account from bank.accounts a
  where a.business_id = p_business and a.id = p_id and a.status <> 'closed'
    and (p_version is null or a.version = p_version) for no key update;
  if not found then return null; end if;
  v_daily := v_account.daily_limit; v_monthly := v_account.monthly_limit;
  if p_patch ?| '{daily_limit,monthly_limit}' then
    -- where nobody knows the rate any more, what was allowed is
    select coalesce(l.daily_limit, v_daily), coalesce(l.monthly_limit, v_monthly) into v_daily_max, v_monthly_max
    from bank.level_limits(p_business, v_account.customer_id, v_account.currency) l;
    if p_patch ? 'daily_limit' then v_daily := coalesce((p_patch ->> 'daily_limit')::bigint, v_daily_max); end if;
    if p_patch ? 'monthly_limit' then v_monthly := coalesce((p_patch ->> 'monthly_limit')::bigint, v_monthly_max); end if;
    if v_daily > v_daily_max then
      raise exception 'above the level' using errcode = '23514', constraint = 'accounts_daily_limit_level';
    elsif v_monthly > v_monthly_max then
      raise exception 'above the level' using errcode = '23514', constraint = 'accounts_monthly_limit_level';
    end if;
    v_account.has_own_limits := v_daily < v_daily_max or v_monthly < v_monthly_max;
  end if;
  update bank.accounts a set daily_limit = v_daily, monthly_limit = v_monthly, has_own_limits = v_account.has_own_limits,
    nickname = case when p_patch ? 'nickname' then p_patch ->> 'nickname' else a.nickname end,
    overdraft_limit = coalesce((p_patch ->> 'overdraft_limit')::bigint, a.overdraft_limit),
    interest_bps = coalesce((p_patch ->> 'interest_bps')::int, a.interest_bps),
    overdraft_bps = coalesce((p_patch ->> 'overdraft_bps')::int, a.overdraft_bps)
  where a.business_id = p_business and a.id = p_id returning * into v_account;
  if p_patch ? 'overdraft_limit' then
    update ledger.balances b set overdraft_limit = v_account.overdraft_limit, updated_at = clock_timestamp()
    where b.business_id = p_business and b.account_id = p_id;
  end if;
  return v_account;
end $$;

------------------------------------------------------------------------------------------------------------ bodies
-- p_of_customer: as its customer sees it, who is not told why it was frozen or closed.
create function bank.account_body(a bank.accounts, p_of_customer boolean default false) returns json
language sql stable parallel safe as $$
  select json_build_object('id', a.id, 'customer_id', a.customer_id, 'account_number', a.account_number, 'type', a.type,
    'currency', a.currency, 'status', a.status, 'nickname', a.nickname, 'daily_limit', a.daily_limit,
    'monthly_limit', a.monthly_limit, 'overdraft_limit', a.overdraft_limit, 'interest_bps', a.interest_bps,
    'overdraft_bps', a.overdraft_bps, 'frozen_reason', case when not p_of_customer then a.frozen_reason end,
    'unfrozen_reason', case when not p_of_customer then a.unfrozen_reason end,
    'closed_reason', case when not p_of_customer then a.closed_reason end, 'opened_at', core.iso(a.opened_at),
    'activated_at', core.iso(a.activated_at), 'closed_at', core.iso(a.closed_at), 'version', a.version,
    'created_at', core.iso(a.created_at), 'updated_at', core.iso(a.updated_at)) $$;

-- What may leave an account now: posted, less what is held, and the overdraft.
create function bank.available(b ledger.balances) returns bigint language sql immutable parallel safe
return b.posted_credit - b.posted_debit - b.pending_debit + coalesce(b.overdraft_limit, 0);

-- `posted` is what counts, `pending` what it will be when every hold is posted, `available` see above. They have held
-- since `as_of`, the last movement.
create function bank.balance_body(a bank.accounts, b ledger.balances) returns json language sql stable parallel safe as $$
  select json_build_object('account_id', a.id, 'currency', a.currency, 'posted', b.posted_credit - b.posted_debit,
    'pending', b.posted_credit + b.pending_credit - b.posted_debit - b.pending_debit, 'available', bank.available(b),
    'as_of', core.iso(b.updated_at), 'version', b.version) $$;

-- An entry of an account with the transaction and the transfer (null: none) that it belongs to.
create function bank.transaction_body(e ledger.entries, t ledger.transactions, x bank.transfers) returns json
language sql stable parallel safe as $$
  select json_build_object('id', e.id, 'account_id', e.account_id, 'transaction_id', t.id, 'transfer_id', x.id,
    'kind', t.kind, 'side', e.side, 'amount', e.amount, 'currency', e.currency, 'balance_after', e.balance_after,
    'reference', coalesce(x.reference, t.reference), 'memo', coalesce(x.memo, t.description), 'category', x.category,
    'counterparty_account_id', case e.account_id when x.from_account_id then x.to_account_id
      when x.to_account_id then x.from_account_id end,
    'effective_at', core.iso(e.effective_at), 'posted_at', core.iso(t.posted_at)) $$;
