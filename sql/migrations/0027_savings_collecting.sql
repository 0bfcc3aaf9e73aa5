-- How visits become collections, markings and cash: one at a time, or what a phone gathered while it was offline.
--
-- savings.collect is the one place that books a visit. Like ledger.post_batch, which it calls once, its cost is that of its
-- statements: few, each over all visits; between them the visits are judged in memory, one after the other, each on what those
-- before it left. Locks (src/savings/README.md): the agents who collect, the accounts, the agents' cash. An agent's lock makes
-- their calls wait for one another, so client_ref, receipt numbers, remittances and cash are looked at once, under it.

-- Visits change what is paid, which no index has: with room on its page the new row needs no entry in any.
alter table savings.accounts set (fillfactor = 80);

-- The account as it is after so many more markings: a full plan that renews itself grows by a cycle, to 60 cycles or 3660
-- slots; any other is completed. Where there were fewer free slots than markings, markings_paid is above markings_total.
create function savings.marked(a savings.accounts, p_markings int, p_amount bigint) returns savings.accounts
language plpgsql immutable as $$
declare
  v_total int;
begin
  a.markings_paid := a.markings_paid + p_markings;
  a.collected := a.collected + p_amount;
  while a.auto_renew and a.markings_paid >= a.markings_total and a.cycles < 60 loop
    v_total := savings.slots_of(a.starts_on, a.calendar_month, a.cycle_markings, a.cycles + 1);
    exit when v_total > 3660;
    a.cycles := a.cycles + 1; a.markings_total := v_total;
    a.ends_on := savings.due_on(a.starts_on, a.period_days, v_total);
  end loop;
  if a.markings_paid = a.markings_total then a.status := 'completed'; end if;
  return a;
end $$;

-- Lowest free slots of an account, whose lock the caller holds; as many as there are, p_markings at most. What was freed by
-- reversals comes first, for it lies below what was paid last.
create function savings.free_slots(a savings.accounts, p_markings int) returns int[] language sql stable as $$
  select array_agg(f.position order by f.position) from (
    select s.position from generate_series(1, a.markings_total) s (position)
    where not exists (select from savings.markings m
      where m.business_id = a.business_id and m.savings_account_id = a.id and m.position = s.position
        and m.reversed_at is null)
    order by s.position limit p_markings) f
$$;

-- How a collection looks; its parts are given, so that a list, or a batch, is one plan. p_positions: of the slots that it
-- fills, or filled before it was reversed: savings.positions_of, written out where there are many.
create function savings.collection_body(c savings.collections, p_number text, p_positions smallint[]) returns json
language sql stable parallel safe as $$
  select json_build_object('id', c.id, 'receipt_no', c.receipt_no, 'savings_account_id', c.savings_account_id,
    'tracking_number', p_number, 'unit_id', c.unit_id, 'agent_id', c.agent_id, 'amount', c.amount, 'currency', c.currency,
    'markings', c.markings, 'amounts', c.amounts, 'positions', p_positions, 'method', c.method, 'status', c.status,
    'client_ref', c.client_ref, 'collected_at', core.iso(c.collected_at), 'business_date', c.business_date,
    'remittance_id', c.remittance_id, 'provider', c.provider, 'provider_ref', c.provider_ref,
    'checkout_url', c.checkout_url, 'confirmed_at', core.iso(c.confirmed_at),
    'reversed_by', c.reversed_by, 'reversed_at', core.iso(c.reversed_at), 'reversal_reason', c.reversal_reason,
    'version', c.version, 'created_at', core.iso(c.created_at), 'updated_at', core.iso(c.updated_at))
$$;

create function savings.positions_of(c savings.collections) returns smallint[] language sql stable parallel safe
return array(select m.position from savings.markings m
  where m.business_id = c.business_id and m.savings_account_id = c.savings_account_id and m.collection_id = c.id
  order by m.position);

-------------------------------------------------------------------------------------------------------------- judging
-- A visit with what the account's frozen terms say of it. `refusal`: why it cannot be, whatever was paid before. `first`: place
-- of the first visit of the call with the same client_ref.
create type savings.visit as (
  place int, id uuid, savings_account_id uuid, agent_id uuid, unit_id uuid, markings int, amounts bigint[],
  marking_amount bigint, amount bigint, currency char(3), method savings.collection_method, client_ref uuid,
  content_hash bytea, collected_at timestamptz, business_date date, provider text, checkout_url text, first int, refusal text);

-- What became of a visit, in the order of visits: booked (is_new), or the collection that the same client_ref and content
-- were booked as before, or why not (a name of refusals.ts), with what may be told of it.
create type savings.collected as (place int, collection_id uuid, is_new boolean, refusal text, detail jsonb);

-- p_items: [{id, savings_account_id or tracking_number, count or amounts, method, client_ref, collected_at}]; id: of the
-- collection that it may become. p_own_user: a customer, who pays into accounts of their own, to the account's agent;
-- p_own_agent: whose accounts and sub-agents' accounts are meant. p_checkouts: see src/savings/checkouts.ts.
create function savings.visits_of(p_business uuid, p_member uuid, p_own_user uuid, p_own_agent uuid, p_items jsonb,
  p_checkouts jsonb) returns savings.visit[] language plpgsql stable as $$
declare
  v_today date := core.business_today(p_business); v_now timestamptz := clock_timestamp();
begin
  return (
    select array_agg(row(v.n, v.id, v.account_id, v.agent_id, v.unit_id, v.markings, v.amounts, v.marking_amount,
      v.amount, v.currency, v.method, v.client_ref, v.hash, v.collected_at, v.business_date, v.provider,
      v.checkout_url, v.first, v.refusal)::savings.visit order by v.n)
    from (
      select m.*, a.id as account_id, g.agent_id, a.unit_id, a.currency, a.marking_amount, d.business_date, x.markings,
        s.amount, p_checkouts #>> array[m.method::text, 'provider'] as provider, savings.checkout_url(p_business,
          p_checkouts #>> array[m.method::text, 'url'], m.id, s.amount, a.currency) as checkout_url,
        min(m.n) over (partition by g.agent_id, m.client_ref) as first,
        -- the same account by its number is the same visit
        sha256(convert_to(concat_ws('/', a.id, x.markings, m.amounts, m.method, extract(epoch from m.collected_at)), 'UTF8'))
          as hash,
        case
          when a.id is null or not savings.is_seen_by(a, p_own_user, p_own_agent) then 'savings_account_not_found'
          when p_own_user is not null and m.method = 'cash' then 'visit_cash'
          when m.method <> 'cash' and not p_checkouts ? m.method::text then 'visit_method'
          when m.collected_at > v_now then 'visit_ahead'
          when d.business_date < v_today - a.backdate_days then 'visit_backdated'
          when m.amounts is not null and not a.flexible_amount then 'visit_amounts'
          when m.amounts is not null and exists (select from unnest(m.amounts) e (amount)
            where e.amount < a.min_marking_amount or e.amount > a.max_marking_amount) then 'visit_amount_range'
          -- 2^53 - 1: exact in every JSON number, with what is saved already
          when s.amount + a.collected > 9007199254740991 then 'visit_amount' end as refusal
      from rows from (jsonb_to_recordset(p_items) as (
          id uuid, savings_account_id text, tracking_number text, count int, amounts bigint[],
          method savings.collection_method, client_ref uuid, collected_at timestamptz)) with ordinality
        m (id, savings_account_id, tracking_number, count, amounts, method, client_ref, collected_at, n)
      join core.businesses b on b.id = p_business
      cross join lateral (
        select savings.account_of(p_business, coalesce(m.savings_account_id, m.tracking_number)) as id offset 0) n
      left join savings.accounts a on a.business_id = p_business and a.id = n.id
      cross join lateral (select coalesce(m.count, cardinality(m.amounts)) as markings) x
      cross join lateral (select case when p_own_user is null then p_member else a.agent_id end as agent_id) g
      cross join lateral (select (m.collected_at at time zone b.timezone)::date as business_date) d
      -- what is too much is refused, not too much to be refused
      cross join lateral (select least(9007199254740992, case when m.amounts is null
        then a.marking_amount::numeric * x.markings
        else (select sum(e.amount) from unnest(m.amounts) e (amount)) end)::bigint as amount) s) v);
end $$;

-- Locked rows that visits are judged on. Arrays go by agent, or by account, in the order of ids; account, agent: of each
-- visit. cash, ceiling: of each agent (ceiling null: none). last: highest paid slot of each account; gaps: free slots below
-- it, of all accounts, those of an account from gap_from to gap_to. known_id, known_hash: of each visit, the collection
-- that its client_ref has already.
create type savings.visited as (
  agents savings.agents[], accounts savings.accounts[], agent int[], account int[], cash bigint[], ceiling bigint[],
  last int[], gaps int[], gap_from int[], gap_to int[], known_id uuid[], known_hash bytea[]);

-- Planned at each call: a plan that is kept was made when there were fewer rows, and reads all that an agent ever collected.
create function savings.lock_visited(p_business uuid, p_visits savings.visit[]) returns savings.visited
language plpgsql set plan_cache_mode = force_custom_plan as $$
declare
  w savings.visited; v_agents uuid[]; v_accounts uuid[];
begin
  v_agents := array(select distinct v.agent_id from unnest(p_visits) v where v.refusal is null order by 1);
  v_accounts := array(select distinct v.savings_account_id from unnest(p_visits) v where v.refusal is null order by 1);
  perform savings.agent(p_business, n.id) from unnest(v_agents) n (id)
  where not exists (select from savings.agents g where g.business_id = p_business and g.id = n.id);
  select array_agg(g.agent), array_agg((g.agent).id) into w.agents, v_agents from (
    select g as agent from savings.agents g where g.business_id = p_business and g.id = any (v_agents)
    order by g.id for no key update) g;
  select array_agg(a.account) into w.accounts from (
    select a as account from savings.accounts a where a.business_id = p_business and a.id = any (v_accounts)
    order by a.id for no key update) a;
  select array_agg(b.posted order by b.n), array_agg(b.max_balance order by b.n) into w.cash, w.ceiling from (
    select g.n, b.posted_debit - b.posted_credit as posted, b.max_balance
    from unnest(w.agents) with ordinality g (business_id, id, agent_no, receipts, cash_id, receivable_id, commission_id, n)
    join ledger.balances b on b.business_id = p_business and b.account_id = g.cash_id
    order by b.account_id for no key update of b) b;
  -- each statement of a function that may write sees what was committed before the locks were had
  select array_agg(coalesce(k.last, 0) order by a.n) into w.last
  from unnest(v_accounts) with ordinality a (id, n)
  left join lateral (select m.position as last from savings.markings m
    where m.business_id = p_business and m.savings_account_id = a.id and m.reversed_at is null
    order by m.position desc limit 1) k on true;
  select array_agg(f.position order by a.n, f.position) into w.gaps
  from unnest(v_accounts, w.last) with ordinality a (id, last, n)
  cross join lateral unnest(savings.free_slots(w.accounts[a.n], a.last - (w.accounts[a.n]).markings_paid)) f (position)
  where a.last > (w.accounts[a.n]).markings_paid;
  select array_agg((s.upto - s.gaps + 1)::int order by s.n), array_agg(s.upto::int order by s.n) into w.gap_from, w.gap_to
  from (
    select a.n, a.last - (w.accounts[a.n]).markings_paid as gaps,
      sum(a.last - (w.accounts[a.n]).markings_paid) over (order by a.n) as upto
    from unnest(w.last) with ordinality a (last, n)) s;
  select array_agg(g.n::int order by v.place), array_agg(a.n::int order by v.place), array_agg(c.id order by v.place),
    array_agg(c.content_hash order by v.place)
  into w.agent, w.account, w.known_id, w.known_hash
  from unnest(p_visits) v
  left join unnest(v_agents) with ordinality g (id, n) on g.id = v.agent_id
  left join unnest(v_accounts) with ordinality a (id, n) on a.id = v.savings_account_id
  left join savings.collections c on c.business_id = p_business and c.agent_id = v.agent_id and c.client_ref = v.client_ref;
  return w;
end $$;

-- collected: see there. accounts: as they are afterwards. receipts: of each visit that is booked, its number among its
-- agent's. slot_…: of the markings of cash.
create type savings.verdict as (
  collected savings.collected[], accounts savings.accounts[], receipts int[], slot_visit int[], slot_position int[],
  slot_amount bigint[]);

create function savings.judge_visits(p_visits savings.visit[], w savings.visited) returns savings.verdict
language plpgsql immutable as $$
declare
  v savings.visit; a savings.accounts; r savings.collected; t savings.verdict; g int; k int; v_slots int := 0; v_position int;
  v_booked int[] := array_fill(null::int, array[cardinality(p_visits)]);
  v_given int[] := array_fill(0, array[greatest(cardinality(w.agents), 1)]);
  v_receipts int[] := array_fill(null::int, array[cardinality(p_visits)]);
  v_cash bigint[] := w.cash; v_last int[] := w.last; v_gap int[] := w.gap_from;
  v_collected savings.collected[] := '{}'; v_accounts savings.accounts[] := w.accounts;
  v_slot_visit int[] := '{}'; v_slot_position int[] := '{}'; v_slot_amount bigint[] := '{}';
begin
  foreach v in array p_visits loop
    r := row(v.place, null, false, v.refusal, null); g := w.agent[v.place]; k := w.account[v.place];
    -- what was booked before comes first: whoever repeats a visit hears of it, whatever became of the account
    if w.known_id[v.place] is not null then
      if w.known_hash[v.place] = v.content_hash then r.collection_id := w.known_id[v.place]; r.refusal := null;
      else r.refusal := 'client_ref_used'; end if;
    elsif v_booked[v.first] is not null then
      if p_visits[v_booked[v.first]].content_hash = v.content_hash then
        r.collection_id := p_visits[v_booked[v.first]].id; r.refusal := null;
      else r.refusal := 'client_ref_used'; end if;
    elsif r.refusal is null then
      a := savings.marked(v_accounts[k], v.markings, v.amount);
      if (v_accounts[k]).status = 'completed' or (v_accounts[k]).status = 'active' and a.markings_paid > a.markings_total then
        r.refusal := 'account_full';
        r.detail := jsonb_build_object('remaining', a.markings_total - (v_accounts[k]).markings_paid);
      elsif (v_accounts[k]).status <> 'active' then r.refusal := 'account_not_open';
      elsif v.method = 'cash' and v_cash[g] + v.amount > coalesce(w.ceiling[g], 9007199254740991) then
        r.refusal := 'balance_ceiling';
      -- several visits of one call
      elsif a.collected > 9007199254740991 then r.refusal := 'visit_amount';
      else
        r.collection_id := v.id; r.is_new := true;
        v_booked[v.first] := v.place; v_given[g] := v_given[g] + 1;
        v_receipts[v.place] := (w.agents[g]).receipts + v_given[g];
      end if;
      if r.is_new and v.method = 'cash' then
        v_accounts[k] := a; v_cash[g] := v_cash[g] + v.amount;
        for i in 1 .. v.markings loop
          if v_gap[k] <= w.gap_to[k] then v_position := w.gaps[v_gap[k]]; v_gap[k] := v_gap[k] + 1;
          else v_last[k] := v_last[k] + 1; v_position := v_last[k]; end if;
          v_slots := v_slots + 1;
          v_slot_visit[v_slots] := v.place; v_slot_position[v_slots] := v_position;
          v_slot_amount[v_slots] := coalesce(v.amounts[i], v.marking_amount);
        end loop;
      end if;
    end if;
    v_collected[v.place] := r;
  end loop;
  t := row(v_collected, v_accounts, v_receipts, v_slot_visit, v_slot_position, v_slot_amount);
  return t;
end $$;

-------------------------------------------------------------------------------------------------------------- booking
-- Books what can be booked and tells of each visit, in order, what became of it; one that is refused leaves nothing behind and
-- hinders nobody. Who acts stands in the transaction's settings (core.begin_act). Parameters: see savings.visits_of.
-- Refusals: savings_account_not_found, visit_cash, visit_method, visit_ahead, visit_backdated, visit_amounts,
-- visit_amount_range, visit_amount, client_ref_used, account_full {remaining}, account_not_open, balance_ceiling.
create function savings.collect(p_business uuid, p_member uuid, p_own_user uuid, p_own_agent uuid, p_items jsonb,
  p_checkouts jsonb default '{}') returns savings.collected[]
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  v_visits savings.visit[] := savings.visits_of(p_business, p_member, p_own_user, p_own_agent, p_items,
    p_checkouts);
  w savings.visited := savings.lock_visited(p_business, v_visits);
  t savings.verdict := savings.judge_visits(v_visits, w);
begin
  if exists (select from unnest(t.collected) c where c.is_new) then
    perform savings.write_visits(p_business, v_visits, w, t);
  end if;
  return t.collected;
end $$;

create function savings.write_visits(p_business uuid, p_visits savings.visit[], w savings.visited, t savings.verdict)
returns void language plpgsql as $$
declare
  v_prefix text := coalesce(core.setting(p_business, 'savings.receipt_prefix') #>> '{}', 'R');
  v_postings ledger.posting[]; v_legs ledger.leg[]; v_outcome ledger.outcome; v_new savings.visit[];
  v_day_agents uuid[]; v_days date[]; v_remittances uuid[]; v_amounts bigint[];
begin
  v_new := array(
    select v from unnest(p_visits) v join unnest(t.collected) c on c.place = v.place and c.is_new order by v.place);
  update savings.agents g set receipts = n.receipts
  from (select (w.agents[w.agent[v.place]]).id, max(t.receipts[v.place]) as receipts from unnest(v_new) v group by 1) n
  where g.business_id = p_business and g.id = n.id;
  perform savings.write_accounts(p_business, w.accounts, t.accounts);
  select array_agg(d.agent_id), array_agg(d.business_date),
    array_agg(savings.remittance_for(p_business, d.agent_id, d.business_date)), array_agg(d.amount)
  into v_day_agents, v_days, v_remittances, v_amounts
  from (select v.agent_id, v.business_date, sum(v.amount) as amount from unnest(v_new) v where v.method = 'cash'
        group by 1, 2 order by 1, 2) d;
  -- several days may go into one
  update savings.remittances m set expected = m.expected + d.amount
  from (select d.id, sum(d.amount) as amount from unnest(v_remittances, v_amounts) d (id, amount) group by 1) d
  where m.business_id = p_business and m.id = d.id;
  insert into savings.collections (business_id, id, unit_id, savings_account_id, agent_id, amount, currency, markings, amounts,
    method, status, client_ref, content_hash, collected_at, business_date, receipt_no, remittance_id, provider, provider_ref,
    checkout_url, confirmed_at)
  select p_business, v.id, v.unit_id, v.savings_account_id, v.agent_id, v.amount, v.currency, v.markings, v.amounts, v.method,
    case v.method when 'cash' then 'confirmed' else 'recorded' end::savings.collection_status, v.client_ref, v.content_hash,
    v.collected_at, v.business_date,
    concat(v_prefix, (w.agents[w.agent[v.place]]).agent_no, '-', case when t.receipts[v.place] < 1000000
      then lpad(t.receipts[v.place]::text, 6, '0') else t.receipts[v.place]::text end),
    d.id, v.provider, case when v.provider is not null then v.id::text end, v.checkout_url,
    case v.method when 'cash' then now() end
  from unnest(v_new) v
  left join unnest(v_day_agents, v_days, v_remittances) d (agent_id, business_date, id)
    on v.method = 'cash' and d.agent_id = v.agent_id and d.business_date = v.business_date
  order by v.place;
  insert into savings.markings (business_id, savings_account_id, collection_id, position, for_date, amount)
  select p_business, v.savings_account_id, v.id, s.position, savings.due_on((w.accounts[w.account[v.place]]).starts_on,
    (w.accounts[w.account[v.place]]).period_days, s.position), s.amount
  from unnest(t.slot_visit, t.slot_position, t.slot_amount) s (visit, position, amount)
  join unnest(v_new) v on v.place = s.visit;
  -- Effective when it is booked, not when it was collected: the visit's own date is the collection's, and what the books said
  -- of a day that is over does not change when a phone comes back to the net.
  select array_agg(ledger.posting_of(p_business, v.id, 'single', 'savings.collection') order by v.place) into v_postings
  from unnest(v_new) v where v.method = 'cash';
  if v_postings is null then return; end if;
  select array_agg(row(v.n, l.account_id, l.side, v.amount)::ledger.leg) into v_legs
  from (select v.*, row_number() over (order by v.place) as n from unnest(v_new) v where v.method = 'cash') v
  cross join lateral (values ((w.agents[w.agent[v.place]]).cash_id, 'debit'::ledger.side),
    (v.savings_account_id, 'credit')) l (account_id, side);
  -- all that it refuses was judged before; only an account of the ledger that was frozen by hand is news
  foreach v_outcome in array ledger.post_batch(v_postings, v_legs) loop perform ledger.raise_refusal(v_outcome); end loop;
end $$;

-- Stamps and versions of accounts know their columns, so that an update of what is paid alone costs nothing for each row.
drop trigger stamp_update on savings.accounts;
drop trigger version_update on savings.accounts;
do $$
declare
  v_columns text := (select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
    where a.attrelid = 'savings.accounts'::regclass and a.attnum > 0 and a.attname not in ('markings_paid', 'collected'));
begin
  execute format('create trigger stamp_update before update of %s on savings.accounts for each row
    execute function core.stamp(''markings_paid'', ''collected'')', v_columns);
  execute format('create trigger version_update before update of %s on savings.accounts for each row
    execute function core.bump_version(''markings_paid'', ''collected'')', v_columns);
end $$;

-- Writes what markings made of accounts. What is paid is quiet; growing, being completed and being active again is a change
-- of the record.
create function savings.write_accounts(p_business uuid, p_before savings.accounts[], p_after savings.accounts[]) returns void
language plpgsql set plan_cache_mode = force_custom_plan as $$
declare
  v_import text := coalesce(current_setting('app.import', true), 'off'); v_changed uuid[];
begin
  select array_agg((p_after[n]).id) into v_changed from generate_subscripts(p_after, 1) n
  where ((p_after[n]).status, (p_after[n]).markings_total) <> ((p_before[n]).status, (p_before[n]).markings_total);
  -- the trigger that tells the audit trail would read every row twice to find that there is nothing to tell
  perform set_config('app.import', 'on', true);
  update savings.accounts a set markings_paid = n.markings_paid, collected = n.collected
  from unnest(p_after) n
  where a.business_id = p_business and a.id = n.id and a.collected <> n.collected and n.id <> all (coalesce(v_changed, '{}'));
  perform set_config('app.import', v_import, true);
  if v_changed is null then return; end if;
  update savings.accounts a set markings_paid = n.markings_paid, collected = n.collected, status = n.status, cycles = n.cycles,
    markings_total = n.markings_total, ends_on = n.ends_on
  from unnest(p_after) n where a.business_id = p_business and a.id = n.id and n.id = any (v_changed);
end $$;

-- Fills the slots of a collection whose money has come, the lowest free ones whatever was planned when it was made, and
-- confirms it. The caller books the money and has seen that the collection is recorded. Returns why not, as refusals.ts has
-- it (account_full, account_not_open), and changes nothing then; null: done.
create function savings.fill_slots(p_business uuid, p_collection uuid) returns text language plpgsql as $$
declare
  c savings.collections; a savings.accounts; b savings.accounts; v_slots int[];
begin
  select * into c from savings.collections x where x.business_id = p_business and x.id = p_collection;
  select * into a from savings.accounts x where x.business_id = p_business and x.id = c.savings_account_id for no key update;
  b := savings.marked(a, c.markings, c.amount);
  if a.status = 'completed' or a.status = 'active' and b.markings_paid > b.markings_total then return 'account_full'; end if;
  if a.status <> 'active' then return 'account_not_open'; end if;
  v_slots := savings.free_slots(b, c.markings);
  perform savings.write_accounts(p_business, array[a], array[b]);
  insert into savings.markings (business_id, savings_account_id, collection_id, position, for_date, amount)
  select p_business, a.id, c.id, s.position, savings.due_on(a.starts_on, a.period_days, s.position),
    coalesce(c.amounts[s.n], a.marking_amount)
  from unnest(v_slots) with ordinality s (position, n);
  update savings.collections x set status = 'confirmed', confirmed_at = now() where x.business_id = p_business and x.id = c.id;
  return null;
end $$;
