-- Cash: what agents hand over and who counts it, what is spent and who approves it.
-- Locks, in this order: the expense, the agent, the remittance, balances. Whoever collects, reverses or spends holds the
-- agent's, so what a remittance expects stands still while it is decided on.

-- The member as an agent, with the lock under which their receipts, remittances and cash change.
create function savings.lock_agent(p_business uuid, p_member uuid) returns savings.agents language plpgsql as $$
declare
  v_agent savings.agents;
begin
  perform savings.agent(p_business, p_member);
  select * into v_agent from savings.agents g where g.business_id = p_business and g.id = p_member for no key update;
  return v_agent;
end $$;

-- Whether the caller may make a move: its roles, and what its maker may or may not. p_is_maker: whoever the row is of.
-- Refusals: savings_role, maker_checker.
create function savings.check_mover(p_move jsonb, p_role text, p_is_maker boolean) returns void language plpgsql as $$
begin
  if not p_move -> 'roles' ? p_role or p_move ->> 'maker' = 'only' and not p_is_maker then
    perform savings.refuse('savings_role');
  end if;
  if p_move ->> 'maker' = 'never' and p_is_maker then perform savings.refuse('maker_checker'); end if;
end $$;

----------------------------------------------------------------------------------------------------------- remittances
create function savings.remittance_body(r savings.remittances) returns json language sql stable parallel safe as $$
  select json_build_object('id', r.id, 'agent_id', r.agent_id, 'business_date', r.business_date, 'no', r.no,
    'status', r.status, 'expected', r.expected, 'declared', r.declared, 'counted', r.counted, 'variance', r.variance,
    'currency', (select b.currency from core.businesses b where b.id = r.business_id), 'note', r.note,
    'submitted_at', core.iso(r.submitted_at), 'confirmed_by', r.confirmed_by, 'confirmed_at', core.iso(r.confirmed_at),
    'ledger_transaction_id', r.ledger_transaction_id, 'version', r.version, 'created_at', core.iso(r.created_at),
    'updated_at', core.iso(r.updated_at)) $$;

-- Books what was counted: all that was expected leaves the agent's cash; what is missing of it they owe, what is too much
-- they are owed. Returns the ledger transaction; null: there was nothing, and nothing was counted.
create function savings.book_remittance(r savings.remittances, p_agent savings.agents, p_counted bigint, p_id uuid)
returns uuid language plpgsql as $$
declare
  v_lines jsonb;
begin
  if r.expected = 0 and p_counted = 0 then return null; end if;
  select jsonb_agg(jsonb_build_object('account_id', l.account_id, 'side', l.side, 'amount', l.amount)) into v_lines
  from (values
    (ledger.house_account(r.business_id, 'cash:vault', 'asset',
      (select b.currency from core.businesses b where b.id = r.business_id), 16), 'debit', p_counted),
    (p_agent.receivable_id, 'debit', r.expected - p_counted),
    (p_agent.cash_id, 'credit', r.expected),
    (p_agent.receivable_id, 'credit', p_counted - r.expected)) l (account_id, side, amount)
  where l.amount > 0;
  perform ledger.post(ledger.posting_of(r.business_id, p_id, 'single', 'savings.remittance',
    p_source_type => 'savings.remittance', p_source_id => r.id), v_lines);
  perform savings.apply_ceiling(r.business_id, array[p_agent.cash_id]);
  return p_id;
end $$;

-- Moves a remittance. No row: there is none, or not the caller's.
-- p_own_agent: whose and whose sub-agents' are meant; null for all. p_moves: src/savings/remittance-moves.ts as JSON.
-- p_given: declared, counted, note. p_next_id: of the ledger transaction that a confirmation makes.
-- Refusals: stale_version, illegal_transition, savings_role, maker_checker, and those of ledger.post.
create function savings.move_remittance(p_business uuid, p_member uuid, p_own_agent uuid, p_role text, p_id uuid,
  p_version int, p_action text, p_moves jsonb, p_given jsonb, p_next_id uuid) returns setof savings.remittances
language plpgsql as $$
declare
  r savings.remittances; v_agent savings.agents; v_move jsonb; v_to savings.remittance_status;
  v_counted bigint := (p_given ->> 'counted')::bigint; v_booked uuid;
begin
  select x.* into r from savings.remittances x where x.business_id = p_business and x.id = p_id
    and (p_own_agent is null or x.agent_id = any (savings.agents_of(p_business, p_own_agent)));
  if not found then return; end if;
  v_agent := savings.lock_agent(p_business, r.agent_id);
  select x.* into r from savings.remittances x where x.business_id = p_business and x.id = p_id for no key update;
  if r.version <> p_version then perform savings.refuse('stale_version'); end if;
  v_move := savings.move_of(p_moves, p_action, r.status::text);
  perform savings.check_mover(v_move, p_role, r.agent_id = p_member);
  v_to := v_move ->> 'to';
  if v_to = 'confirmed' then v_booked := savings.book_remittance(r, v_agent, v_counted, p_next_id); end if;
  update savings.remittances x set status = v_to, declared = coalesce((p_given ->> 'declared')::bigint, x.declared),
    counted = coalesce(v_counted, x.counted), note = coalesce(p_given ->> 'note', x.note), ledger_transaction_id = v_booked,
    submitted_at = case v_to when 'submitted' then now() else x.submitted_at end,
    confirmed_by = case v_to when 'confirmed' then p_member end, confirmed_at = case v_to when 'confirmed' then now() end
  where x.business_id = p_business and x.id = p_id returning x.* into r;
  if v_to <> 'submitted' then
    perform savings.notify(p_business, array[r.agent_id], '{}', jsonb_build_object('type', 'remittance.' || v_to,
      'title', case when v_to = 'disputed' then 'Your cash was counted differently'
        when r.variance = 0 then 'Your cash was received' when r.variance < 0 then 'Your cash was received, and some is missing'
        else 'Your cash was received, and it was more' end,
      'body', r.note, 'ref_type', 'remittance', 'ref_id', r.id));
  end if;
  return next r;
end $$;

-------------------------------------------------------------------------------------------------------------- expenses
create function savings.expense_body(e savings.expenses) returns json language sql stable parallel safe as $$
  select json_build_object('id', e.id, 'unit_id', e.unit_id, 'member_id', e.member_id, 'category', e.category,
    'amount', e.amount, 'currency', e.currency, 'paid_from', e.paid_from, 'status', e.status, 'spent_on', e.spent_on,
    'description', e.description, 'file_id', e.file_id, 'remittance_id', e.remittance_id,
    'ledger_transaction_id', e.ledger_transaction_id, 'decided_by', e.decided_by, 'decided_at', core.iso(e.decided_at),
    'reason', e.reason, 'version', e.version, 'created_at', core.iso(e.created_at), 'updated_at', core.iso(e.updated_at)) $$;

-- What an expense says of itself. p_expense: its members as they will be; p_categories: those of a business that has not
-- said any. Refusals: expense_category, expense_spent_on.
create function savings.check_expense(p_business uuid, p_expense jsonb, p_categories jsonb) returns void
language plpgsql as $$
begin
  if not coalesce(core.setting(p_business, 'savings.expense_categories'), p_categories) ? (p_expense ->> 'category') then
    perform savings.refuse('expense_category');
  end if;
  if (p_expense ->> 'spent_on')::date > core.business_today(p_business) then perform savings.refuse('expense_spent_on'); end if;
end $$;

-- Makes a file the receipt of an expense: from now on it goes with it, and is no other's. p_file null: it has none.
-- Refusal: expense_receipt (not there, not theirs, or of another record).
create function savings.keep_receipt(p_business uuid, p_user uuid, p_expense uuid, p_file uuid) returns void
language plpgsql as $$
begin
  update core.files f set readers = null, ref_type = null, ref_id = null
  where f.business_id = p_business and f.id = (
      select e.file_id from savings.expenses e where e.business_id = p_business and e.id = p_expense)
    and f.id is distinct from p_file;
  if p_file is null then return; end if;
  update core.files f set readers = '{owner,admin,manager,agent}', ref_type = 'expense', ref_id = p_expense
  where f.business_id = p_business and f.id = p_file and f.owner_user_id = p_user and f.deleted_at is null
    and (f.readers is null and f.ref_type is null or f.ref_type = 'expense' and f.ref_id = p_expense);
  if not found then perform savings.refuse('expense_receipt'); end if;
end $$;

-- Records an expense of a member, in the currency of the business and, where none is named, of the member's unit.
-- p_expense: category, amount, paid_from, spent_on (default: today), description, file_id, unit_id.
-- Refusals: those of savings.check_expense and savings.keep_receipt, expenses_unit_fk.
create function savings.record_expense(p_business uuid, p_user uuid, p_member uuid, p_id uuid, p_expense jsonb,
  p_categories jsonb) returns savings.expenses language plpgsql as $$
declare
  e savings.expenses := jsonb_populate_record(null::savings.expenses, p_expense);
begin
  perform savings.check_expense(p_business, p_expense, p_categories);
  perform savings.keep_receipt(p_business, p_user, p_id, e.file_id);
  insert into savings.expenses (business_id, id, unit_id, member_id, category, amount, currency, paid_from, spent_on,
    description, file_id)
  select m.business_id, p_id, case when p_expense ? 'unit_id' then e.unit_id else m.unit_id end, m.id, e.category, e.amount,
    b.currency, coalesce(e.paid_from, 'vault'), coalesce(e.spent_on, core.business_today(b.id)), e.description, e.file_id
  from core.memberships m join core.businesses b on b.id = m.business_id
  where m.business_id = p_business and m.id = p_member returning * into e;
  return e;
end $$;

-- Changes what the patch names (JSON Merge Patch, RFC 7396). The caller holds the row's lock.
create function savings.change_expense(e savings.expenses, p_user uuid, p_patch jsonb, p_categories jsonb)
returns savings.expenses language plpgsql as $$
declare
  n savings.expenses := jsonb_populate_record(e, p_patch);
begin
  perform savings.check_expense(e.business_id, p_patch || jsonb_build_object('category', n.category), p_categories);
  perform savings.keep_receipt(e.business_id, p_user, e.id, n.file_id);
  update savings.expenses x set category = n.category, amount = n.amount, paid_from = n.paid_from, spent_on = n.spent_on,
    description = n.description, file_id = n.file_id, unit_id = n.unit_id
  where x.business_id = e.business_id and x.id = e.id returning x.* into e;
  return e;
end $$;

-- Books an expense: from the vault, or from the cash of who spent it, which one of their remittances then has so much less
-- of: an open one that has enough, else the newest that is not confirmed. Returns that remittance.
-- Refusal: insufficient_funds, where none has enough.
create function savings.book_expense(e savings.expenses, p_id uuid) returns uuid language plpgsql as $$
declare
  v_agent savings.agents; v_remittance uuid; v_from uuid;
begin
  if e.paid_from = 'agent_cash' then
    v_agent := savings.lock_agent(e.business_id, e.member_id);
    v_from := v_agent.cash_id;
    select r.id into v_remittance from savings.remittances r
    where r.business_id = e.business_id and r.agent_id = e.member_id and r.status <> 'confirmed' and r.expected >= e.amount
    order by r.status <> 'open', r.business_date desc, r.no desc limit 1 for no key update;
    if not found then perform savings.refuse('insufficient_funds'); end if;
    update savings.remittances r set expected = r.expected - e.amount where r.business_id = e.business_id and r.id = v_remittance;
  else
    v_from := ledger.house_account(e.business_id, 'cash:vault', 'asset', e.currency, 16);
  end if;
  perform ledger.post(ledger.posting_of(e.business_id, p_id, 'single', 'savings.expense',
      p_source_type => 'savings.expense', p_source_id => e.id, p_description => e.description),
    jsonb_build_array(
      jsonb_build_object('account_id', ledger.house_account(e.business_id, 'expense:' || e.category, 'expense', e.currency),
        'side', 'debit', 'amount', e.amount),
      jsonb_build_object('account_id', v_from, 'side', 'credit', 'amount', e.amount)));
  if v_remittance is not null then perform savings.apply_ceiling(e.business_id, array[v_from]); end if;
  return v_remittance;
end $$;

-- Moves an expense. No row: there is none, or not the caller's.
-- p_own_agent: whose and whose sub-agents' are meant; null for all. p_moves: src/savings/expense-moves.ts as JSON.
-- p_given: the reason of a decision, or the members that a change names. p_next_id: of the ledger transaction that an approval
-- makes.
-- Refusals: stale_version, illegal_transition, savings_role, maker_checker, insufficient_funds, and those of
-- savings.record_expense and ledger.post.
create function savings.move_expense(p_business uuid, p_user uuid, p_member uuid, p_own_agent uuid, p_role text, p_id uuid,
  p_version int, p_action text, p_moves jsonb, p_given jsonb, p_categories jsonb, p_next_id uuid)
returns setof savings.expenses language plpgsql as $$
declare
  e savings.expenses; v_move jsonb; v_to savings.expense_status; v_remittance uuid;
begin
  select x.* into e from savings.expenses x where x.business_id = p_business and x.id = p_id
    and (p_own_agent is null or x.member_id = any (savings.agents_of(p_business, p_own_agent))) for no key update;
  if not found then return; end if;
  if e.version <> p_version then perform savings.refuse('stale_version'); end if;
  v_move := savings.move_of(p_moves, p_action, e.status::text);
  perform savings.check_mover(v_move, p_role, e.member_id = p_member);
  v_to := v_move ->> 'to';
  if v_to = 'recorded' then return next savings.change_expense(e, p_user, p_given, p_categories); return; end if;
  if v_to = 'approved' then v_remittance := savings.book_expense(e, p_next_id); end if;
  update savings.expenses x set status = v_to, decided_by = p_member, decided_at = now(), reason = p_given ->> 'reason',
    remittance_id = v_remittance, ledger_transaction_id = case v_to when 'approved' then p_next_id end
  where x.business_id = p_business and x.id = p_id returning x.* into e;
  perform savings.notify(p_business, array[e.member_id], '{}', jsonb_build_object('type', 'expense.' || v_to,
    'title', case v_to when 'approved' then 'Your expense was approved' else 'Your expense was rejected' end,
    'body', e.reason, 'ref_type', 'expense', 'ref_id', e.id));
  return next e;
end $$;
