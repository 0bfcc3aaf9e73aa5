-- The ledger over HTTP: how its records look, the trial balance, and posting by hand.

------------------------------------------------------------------------------------------------------ what it tells
create function ledger.account_body(a ledger.accounts) returns json language sql stable parallel safe as $$
  select json_build_object('id', a.id, 'code', a.code, 'kind', a.kind, 'normal_side', a.normal_side, 'currency', a.currency,
    'status', a.status, 'owner_type', a.owner_type, 'owner_id', a.owner_id, 'posted', b.posted, 'pending', b.pending,
    'available', b.available, 'overdraft_limit', b.overdraft_limit, 'max_balance', m.max_balance,
    'created_at', core.iso(a.created_at), 'updated_at', core.iso(greatest(a.updated_at, b.updated_at)))
  from ledger.account_balances b cross join lateral (
    select max(x.max_balance) as max_balance from ledger.balances x
    where x.business_id = b.business_id and x.account_id = b.id) m
  where b.business_id = a.business_id and b.id = a.id
$$;

-- Without its entries, as lists have it.
create function ledger.transaction_body(t ledger.transactions) returns jsonb language sql stable parallel safe as $$
  select jsonb_build_object('id', t.id, 'phase', t.phase, 'kind', t.kind, 'reference', t.reference,
    'source_type', t.source_type, 'source_id', t.source_id, 'description', t.description, 'metadata', t.metadata,
    'pending_id', t.pending_id, 'reverses_id', t.reverses_id, 'resolved_by_id', r.id, 'resolved_as', r.phase,
    'reversed_by_id', (select x.id from ledger.transactions x
      where x.business_id = t.business_id and x.reverses_id = t.id),
    'effective_at', core.iso(t.effective_at), 'posted_at', core.iso(t.posted_at), 'expires_at', core.iso(t.expires_at),
    'created_by', t.created_by)
  from (select 1) one
  left join ledger.transactions r on r.business_id = t.business_id and r.pending_id = t.id
$$;

create function ledger.transaction_with_entries(t ledger.transactions) returns jsonb language sql stable as $$
  select ledger.transaction_body(t) || jsonb_build_object('entries', (
    select coalesce(jsonb_agg(jsonb_build_object('account_id', e.account_id, 'code', a.code, 'side', e.side,
      'amount', e.amount, 'currency', e.currency, 'balance_after', e.balance_after) order by e.id), '[]')
    from ledger.entries e join ledger.accounts a on a.business_id = e.business_id and a.id = e.account_id
    where e.business_id = t.business_id and e.transaction_id = t.id))
$$;

-- What accounts have, in each currency, each on the side on which it stands; the two sides are equal. Accounts of a
-- module's records are one line together. p_as_of null: all that is posted, what will be effective later included.
create function ledger.trial_balance(p_business uuid, p_as_of timestamptz) returns text language sql stable as $$
  with account as (
    select a.code, a.kind, a.currency, a.owner_type,
      case a.normal_side when 'debit' then 1 else -1 end * case when p_as_of is null then (
        select sum(case b.normal_side when 'debit' then b.posted_debit - b.posted_credit
          else b.posted_credit - b.posted_debit end)::bigint
        from ledger.balances b where b.business_id = p_business and b.account_id = a.id)
      else ledger.balance_as_of(p_business, a.id, p_as_of) end as net
    from ledger.accounts a where a.business_id = p_business),
  line as (
    select currency, case when owner_type is null then code end as code, owner_type, kind, count(*) as accounts,
      coalesce(sum(net) filter (where net > 0), 0) as debit, coalesce(-sum(net) filter (where net < 0), 0) as credit
    from account group by currency, 2, owner_type, kind),
  total as (
    select currency, sum(debit) as debit, sum(credit) as credit, json_agg(json_build_object('code', code,
      'owner_type', owner_type, 'kind', kind, 'accounts', accounts, 'debit', debit, 'credit', credit)
      order by kind, code nulls last, owner_type) as lines
    from line group by currency)
  select json_build_object('as_of', core.iso(p_as_of), 'currencies', coalesce(json_agg(json_build_object(
    'currency', currency, 'debit', debit, 'credit', credit, 'is_balanced', debit = credit, 'lines', lines)
    order by currency), '[]'))::text
  from total
$$;

---------------------------------------------------------------------------------------------------- postings by hand
-- Accounts of a module's records are moved by the module alone, so that its figures always are those of the ledger.
create function ledger.is_owned(p_business uuid, p_accounts uuid[]) returns boolean language sql stable as $$
  select exists (
    select from ledger.accounts a
    where a.business_id = p_business and a.id = any (p_accounts) and a.owner_type is not null)
$$;

create function ledger.lines_accounts(p_lines jsonb) returns uuid[] language sql immutable as $$
  select array(select (l ->> 'account_id')::uuid from jsonb_array_elements(p_lines) l)
$$;

-- One thing for the audit trail, as the triggers of other tables write it.
create function ledger.audit_transaction(t ledger.transactions) returns void language sql as $$
  insert into core.audit_log (business_id, action, entity_type, entity_id, after)
  values (t.business_id, 'ledger_transaction.created', 'ledger_transaction', t.id, ledger.transaction_with_entries(t))
$$;

create function ledger.posting_by_hand(p_business uuid, p_item jsonb) returns ledger.posting language sql stable as $$
  select ledger.posting_of(p_business, (p_item ->> 'id')::uuid, coalesce(p_item ->> 'phase', 'single')::ledger.phase,
    'ledger.manual', p_reference => p_item ->> 'reference', p_description => p_item ->> 'description',
    p_effective_at => (p_item ->> 'effective_at')::timestamptz, p_expires_at => (p_item ->> 'expires_at')::timestamptz,
    p_metadata => coalesce(p_item -> 'metadata', '{}'))
$$;

-- Posts items ({id, phase, reference, description, metadata, effective_at, expires_at, lines}) and tells of each why not.
create function ledger.post_items(p_business uuid, p_items jsonb) returns ledger.outcome[] language plpgsql as $$
declare
  v_outcomes ledger.outcome[] := array(
    select row(case when ledger.is_owned(p_business, ledger.lines_accounts(i.o -> 'lines')) then 'account_owned' end, null)
      ::ledger.outcome
    from jsonb_array_elements(p_items) with ordinality i (o, n) order by i.n);
  v_numbers int[]; v_posted ledger.outcome[];
begin
  v_numbers := array(
    select n from generate_subscripts(v_outcomes, 1) n where (v_outcomes[n]).refusal is null order by n);
  if v_numbers = '{}' then return v_outcomes; end if;
  v_posted := ledger.post_batch(
    array(select ledger.posting_by_hand(p_business, p_items -> k.n - 1)
      from unnest(v_numbers) with ordinality k (n, place) order by k.place),
    array(select row(k.place, l.account_id, l.side, l.amount)::ledger.leg
      from unnest(v_numbers) with ordinality k (n, place)
      cross join rows from (jsonb_to_recordset(p_items -> k.n - 1 -> 'lines')
        as (account_id uuid, side ledger.side, amount bigint)) with ordinality l (account_id, side, amount, at)
      order by k.place, l.at));
  for i in 1 .. cardinality(v_numbers) loop
    v_outcomes[v_numbers[i]] := v_posted[i];
  end loop;
  perform ledger.audit_transaction(t)
  from unnest(v_numbers) n join ledger.transactions t on t.business_id = p_business
    and t.id = (p_items -> n - 1 ->> 'id')::uuid
  where (v_outcomes[n]).refusal is null;
  return v_outcomes;
end $$;

-- The body of what was posted in this statement, which the statement itself does not see yet.
create function ledger.posted_body(p_business uuid, p_id uuid) returns text language sql volatile as $$
  select ledger.transaction_with_entries(t)::text from ledger.transactions t where t.business_id = p_business and t.id = p_id
$$;

-- One item, or its refusal raised. Returns its body.
create function ledger.post_item(p_business uuid, p_item jsonb) returns text language plpgsql as $$
begin
  perform ledger.raise_refusal((ledger.post_items(p_business, jsonb_build_array(p_item)))[1]);
  return ledger.posted_body(p_business, (p_item ->> 'id')::uuid);
end $$;

-- Posts items in one request: a body with what became of each, in order. With p_atomic one refusal undoes all of it
-- (batch_refused); with p_dry_run all is judged and undone, and nothing is refused but told.
-- p_place: pointer to an item, its number in place of %s. p_problems: what the catalogue says of each refusal.
create function ledger.post_many(p_business uuid, p_items jsonb, p_atomic boolean, p_dry_run boolean, p_place text,
  p_instance text, p_problems jsonb) returns text language plpgsql as $$
declare
  v_outcomes ledger.outcome[]; v_body json; v_refused jsonb;
begin
  begin
    v_outcomes := ledger.post_items(p_business, p_items);
    select jsonb_agg(jsonb_build_object('pointer', format(p_place, o.n - 1), 'detail', o.refusal) order by o.n)
    into v_refused from unnest(v_outcomes) with ordinality o (refusal, detail, n) where o.refusal is not null;
    if v_refused is not null and p_atomic and not p_dry_run then
      raise exception 'refused: batch_refused' using errcode = '23514', constraint = 'batch_refused',
        detail = jsonb_build_object('errors', v_refused)::text;
    end if;
    select json_build_object('dry_run', p_dry_run,
      'posted', case when p_atomic and v_refused is not null then 0 else count(*) filter (where o.refusal is null) end,
      'refused', count(*) filter (where o.refusal is not null),
      'data', json_agg(case when o.refusal is null
        then json_build_object('status', 201, 'transaction', ledger.transaction_with_entries(t))
        else json_build_object('status', p_problems -> o.refusal -> 'status', 'problem', core.problem_body(
          p_problems -> o.refusal, o.refusal, format(p_place, o.n - 1), o.detail, p_instance,
          core.app_setting('request_id'))::json) end order by o.n))
    into v_body
    from unnest(v_outcomes) with ordinality o (refusal, detail, n)
    left join ledger.transactions t on t.business_id = p_business and t.id = (p_items -> o.n::int - 1 ->> 'id')::uuid;
    if p_dry_run then raise exception 'dry run' using errcode = 'DRY00'; end if;
  exception when sqlstate 'DRY00' then null;             -- and with it all that was written
  end;
  return v_body::text;
end $$;

-- Ends a hold that was made by hand, or undoes a transaction; see ledger.resolve and ledger.reverse.
create function ledger.refuse_owned(p_business uuid, p_transaction uuid) returns void language plpgsql stable as $$
begin
  if ledger.is_owned(p_business, array(
    select e.account_id from ledger.entries e where e.business_id = p_business and e.transaction_id = p_transaction)) then
    perform ledger.raise_refusal(row('account_owned', null)::ledger.outcome);
  end if;
end $$;

create function ledger.resolve_by_hand(p_business uuid, p_id uuid, p_pending uuid, p_phase ledger.phase, p_amount bigint)
returns text language plpgsql as $$
begin
  perform ledger.refuse_owned(p_business, p_pending);
  perform ledger.resolve(p_business, p_id, p_pending, p_phase, p_amount => p_amount);
  perform ledger.audit_transaction(t) from ledger.transactions t where t.business_id = p_business and t.id = p_id;
  return ledger.posted_body(p_business, p_id);
end $$;

create function ledger.reverse_by_hand(p_business uuid, p_id uuid, p_transaction uuid, p_description text)
returns text language plpgsql as $$
begin
  perform ledger.refuse_owned(p_business, p_transaction);
  perform ledger.reverse(p_business, p_id, p_transaction, p_description);
  perform ledger.audit_transaction(t) from ledger.transactions t where t.business_id = p_business and t.id = p_id;
  return ledger.posted_body(p_business, p_id);
end $$;

-- An account that no module owns. Its code may be there once (ledger_accounts_code_uq). Returns its body.
create function ledger.open_account(p_business uuid, p_id uuid, p_code text, p_kind ledger.account_kind, p_currency text,
  p_overdraft_limit bigint, p_max_balance bigint) returns text language plpgsql as $$
declare
  v_account ledger.accounts;
begin
  insert into ledger.accounts (business_id, id, code, kind, currency)
  values (p_business, p_id, p_code, p_kind, p_currency) returning * into v_account;
  insert into ledger.balances (business_id, account_id, normal_side, overdraft_limit, max_balance)
  values (p_business, p_id, v_account.normal_side, p_overdraft_limit, p_max_balance);
  return ledger.account_body(v_account)::text;
end $$;
