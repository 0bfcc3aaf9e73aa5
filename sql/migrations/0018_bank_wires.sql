-- Beneficiaries, the screening of their names, and wires: how they look, what they cost, and how they move.

-------------------------------------------------------------------------------------------------------- beneficiaries
-- Length of an IBAN by country, of the IBAN registry that SWIFT keeps for ISO 13616; null for a country without IBANs.
-- https://www.swift.com/standards/data-standards/iban-international-bank-account-number
create function bank.iban_length(p_country text) returns int language sql immutable parallel safe
return (jsonb '{"AD":24,"AE":23,"AL":28,"AT":20,"AZ":28,"BA":20,"BE":16,"BG":22,"BH":22,"BI":27,"BR":29,"BY":28,"CH":21,
  "CR":22,"CY":28,"CZ":24,"DE":22,"DJ":27,"DK":18,"DO":28,"EE":20,"EG":29,"ES":24,"FI":18,"FK":18,"FO":18,"FR":27,"GB":22,
  "GE":22,"GI":23,"GL":18,"GR":27,"GT":28,"HN":28,"HR":21,"HU":28,"IE":22,"IL":23,"IQ":23,"IS":26,"IT":27,"JO":30,"KW":30,
  "KZ":20,"LB":28,"LC":32,"LI":21,"LT":20,"LU":20,"LV":21,"LY":25,"MC":27,"MD":24,"ME":22,"MK":19,"MN":20,"MR":27,"MT":31,
  "MU":30,"NI":28,"NL":18,"NO":15,"OM":23,"PK":24,"PL":28,"PS":29,"PT":25,"QA":29,"RO":24,"RS":22,"RU":33,"SA":24,"SC":31,
  "SD":18,"SE":24,"SI":19,"SK":24,"SM":27,"SO":23,"ST":25,"SV":28,"TL":23,"TN":24,"TR":26,"UA":29,"VA":22,"VG":24,"XK":20,
  "YE":30}' ->> p_country)::int;

-- Whether an account is what it looks like. What begins as an IBAN does (a country that has them, two digits) must have the
-- length of its country, and its check digits right: ISO 7064 MOD 97-10, the first four characters moved to the end and
-- letters read as 10 to 35. Anything else is the number of a plain account, of which nothing can be known.
create function bank.is_account(p_account text) returns boolean language sql immutable parallel safe
return p_account !~ '^[A-Z]{2}[0-9]{2}' or bank.iban_length(left(p_account, 2)) is null
  or length(p_account) = bank.iban_length(left(p_account, 2)) and (
    select string_agg(case when c between '0' and '9' then c else (ascii(c) - 55)::text end, '' order by n)::numeric % 97 = 1
    from string_to_table(substr(p_account, 5) || left(p_account, 4), null) with ordinality s (c, n));

alter table bank.beneficiaries add constraint beneficiaries_iban_ck check (bank.is_account(iban_or_account));

-- An account or a BIC as computers exchange it: people group it by spaces and dashes.
create function bank.electronic(p_number text) returns text language sql immutable parallel safe
return upper(translate(p_number, ' -', ''));

create function bank.beneficiary_body(b bank.beneficiaries) returns json language sql stable parallel safe as $$
  select json_build_object('id', b.id, 'customer_id', b.customer_id, 'name', b.name, 'nickname', b.nickname,
    'bank_name', b.bank_name, 'bic', b.bic, 'iban_or_account', b.iban_or_account, 'country', b.country,
    'address', b.address, 'version', b.version, 'created_at', core.iso(b.created_at),
    'updated_at', core.iso(b.updated_at)) $$;

------------------------------------------------------------------------------------------------------------ screening
-- A name as it is compared: accents away, also those that are no combining mark. Case, punctuation and the order of words
-- say nothing to pg_trgm, which looks at the trigrams of each word.
create function bank.screening_name(p_name text) returns text language sql immutable parallel safe
return translate(replace(replace(replace(lower(regexp_replace(normalize(p_name, nfkd), '[\u0300-\u036f]', '', 'g')),
  'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'øłđðıħ', 'olddih');

create index watchlist_trgm on bank.watchlist using gin (bank.screening_name(name) gin_trgm_ops) where is_active;

create function bank.watchlist_body(w bank.watchlist) returns json language sql stable parallel safe as $$
  select json_build_object('id', w.id, 'name', w.name, 'source', w.source, 'is_own', w.business_id is not null,
    'version', w.version, 'created_at', core.iso(w.created_at), 'updated_at', core.iso(w.updated_at)) $$;

create type bank.screening as (score numeric(5, 4), hits jsonb);

-- How alike a name is to those that the business and the installation watch for, 0 to 1, and the ten that are most alike.
-- The score of a listed name is the share of its trigrams that the name has too. So what a beneficiary is called beside it
-- (more given names, a company form) hides nothing, which it would in similarity(), and words may come in any order, which
-- word_similarity() would not allow; who has but one word of a listed name stays far below 1.
-- The index finds names of which a word is like one of the beneficiary's. A name without a letter or a digit cannot be
-- compared: a person has to look at it.
create function bank.screen(p_business uuid, p_name text) returns bank.screening language sql stable
set pg_trgm.word_similarity_threshold = 0.5 as $$
  with name as (select bank.screening_name(p_name) as text, show_trgm(bank.screening_name(p_name)) as trigrams),
  hit as (
    select w.id, w.name, w.source, round(s.score, 4) as score
    from (
      select distinct c.id, c.name, c.source
      from name n, regexp_split_to_table(n.text, '[^[:alnum:]]+') word (text)
      join bank.watchlist c on bank.screening_name(c.name) %> word.text and c.is_active
        and (c.business_id = p_business or c.business_id is null)
      where word.text <> '') w,
    name n, lateral (
      select avg((t.trigram = any(n.trigrams))::int) as score
      from unnest(show_trgm(bank.screening_name(w.name))) t (trigram)) s
    where s.score >= 0.5
    order by s.score desc, w.name, w.id limit 10)
  select row(case when cardinality(n.trigrams) = 0 then 1 else coalesce((select max(h.score) from hit h), 0) end,
    coalesce((select jsonb_agg(jsonb_build_object('watchlist_id', h.id, 'name', h.name, 'source', h.source,
      'score', h.score) order by h.score desc, h.name, h.id) from hit h), '[]'))::bank.screening
  from name n
$$;

----------------------------------------------------------------------------------------------------------- the price
-- What a wire costs and under which rules it stands, in minor units of the account's currency unless said otherwise.
create type bank.wire_quote as (
  amount bigint, fee bigint, currency char(3),
  target_amount bigint, target_currency char(3),         -- what the beneficiary gets
  fx_rate numeric(18, 8),                                -- of one unit of the target currency; null: the same currency
  needs_step_up boolean,
  single_limit bigint, daily_limit bigint);              -- null: none

-- Refuses under a name of refusals.ts, with what may be told of it.
create function bank.refuse(p_name text, p_detail jsonb default null) returns void language sql volatile
return ledger.raise_refusal(row(p_name, p_detail)::ledger.outcome);

-- What one unit of a currency is worth in the business's; null where bank.fx_rates does not say.
create function bank.home_rate(p_business uuid, p_currency char(3)) returns numeric language sql stable parallel safe
return (select case when b.currency = p_currency then 1
    else nullif((bank.setting(b.id, 'bank.fx_rates') ->> p_currency::text)::numeric, 0) end
  from core.businesses b where b.id = p_business);

-- An amount in another currency, both in minor units; half a unit is rounded up. p_rate: of one unit of p_from.
create function bank.convert(p_amount bigint, p_from char(3), p_to char(3), p_rate numeric) returns bigint
language sql stable parallel safe
return (select round(p_amount * p_rate * power(10::numeric, t.exponent - f.exponent))
  from core.currencies f, core.currencies t where f.code = p_from and t.code = p_to);

-- The one fee rule: base + amount × bps (half a unit rounded up) + a part for foreign currencies, at most the cap. In
-- minor units of the business's currency, as is p_amount; p_fee: the setting bank.wire_fee, null for no fee.
create function bank.wire_fee(p_fee jsonb, p_amount bigint, p_is_foreign boolean) returns bigint
language sql immutable parallel safe
return coalesce(least((p_fee ->> 'cap')::bigint, (p_fee ->> 'base')::bigint
  + round(p_amount * (p_fee ->> 'bps')::numeric / 10000)::bigint
  + case when p_is_foreign then (p_fee ->> 'foreign')::bigint else 0 end), 0);

-- Refusals: no_fx_rate, amount_range.
create function bank.quote_wire(p_account bank.accounts, p_amount bigint, p_currency char(3)) returns bank.wire_quote
language plpgsql stable as $$
declare
  v_business uuid := p_account.business_id;
  v_home char(3) := (select b.currency from core.businesses b where b.id = v_business);
  v_account_rate numeric := bank.home_rate(v_business, p_account.currency);
  v_target_rate numeric := bank.home_rate(v_business, p_currency);
  v_home_amount bigint; q bank.wire_quote;
begin
  v_home_amount := bank.convert(p_amount, p_currency, v_home, v_target_rate);
  if v_account_rate is null or v_home_amount is null then perform bank.refuse('no_fx_rate'); end if;
  q.currency := p_account.currency; q.target_currency := p_currency; q.target_amount := p_amount;
  q.amount := p_amount;
  if p_currency <> q.currency then
    q.fx_rate := v_target_rate / v_account_rate;         -- as it is told, at eight digits; the amount is exact
    q.amount := bank.convert(p_amount, p_currency, q.currency, v_target_rate / v_account_rate);
  end if;
  q.fee := bank.convert(bank.wire_fee(bank.setting(v_business, 'bank.wire_fee'), v_home_amount, p_currency <> v_home),
    v_home, q.currency, 1 / v_account_rate);
  if q.amount < 1 or q.amount + q.fee > 9007199254740991 then perform bank.refuse('amount_range'); end if;
  q.needs_step_up := coalesce(
    v_home_amount >= (bank.setting(v_business, 'bank.verification_threshold') #>> '{}')::bigint, false);
  q.single_limit := bank.convert((bank.setting(v_business, 'bank.wire_single_limit') #>> '{}')::bigint, v_home, q.currency,
    1 / v_account_rate);
  q.daily_limit := bank.convert((bank.setting(v_business, 'bank.wire_daily_limit') #>> '{}')::bigint, v_home, q.currency,
    1 / v_account_rate);
  return q;
end $$;

-- What an account has used of its limits in the windows of a day of the business's calendar.
create type bank.account_usage as (day bigint, month bigint, wire_day bigint);
create function bank.usage_of(p_business uuid, p_account uuid, p_day date) returns bank.account_usage
language sql stable parallel safe
return (select row(
    coalesce(sum(l.used) filter (where l.window_kind = 'day'), 0),
    coalesce(sum(l.used) filter (where l.window_kind = 'month'), 0),
    coalesce(sum(l.used) filter (where l.window_kind = 'wire_day'), 0))::bank.account_usage
  from ledger.limit_usage l where l.business_id = p_business and l.account_id = p_account
    and l.window_start = case l.window_kind when 'month' then date_trunc('month', p_day)::date else p_day end);

create function bank.limit_body(p_limit bigint, p_used bigint) returns json language sql immutable parallel safe
return json_build_object('limit', p_limit, 'used', p_used,
  'remaining', case when p_limit is not null then greatest(p_limit - p_used, 0) end);

create function bank.quote_body(p_account bank.accounts, q bank.wire_quote) returns json language sql stable as $$
  select json_build_object('account_id', p_account.id, 'amount', q.amount, 'fee', q.fee, 'total', q.amount + q.fee,
    'currency', q.currency, 'target_amount', q.target_amount, 'target_currency', q.target_currency,
    'fx_rate', trim_scale(q.fx_rate)::text, 'needs_step_up', q.needs_step_up,
    'limits', json_build_object('wire_single', q.single_limit, 'wire_day', bank.limit_body(q.daily_limit, u.wire_day),
      'day', bank.limit_body(p_account.daily_limit, u.day), 'month', bank.limit_body(p_account.monthly_limit, u.month)))
  from bank.usage_of(p_account.business_id, p_account.id, core.business_today(p_account.business_id)) u
$$;

--------------------------------------------------------------------------------------------------------------- wires
-- p_of_customer: for the eyes of the customer, who is told nothing of how names are screened and why a person looks at a wire.
create function bank.wire_body(w bank.wire_transfers, t bank.transfers, p_of_customer boolean) returns json
language sql stable parallel safe as $$
  select json_build_object('id', w.transfer_id, 'status', w.status, 'account_id', t.from_account_id,
    'customer_id', w.customer_id, 'beneficiary_id', w.beneficiary_id, 'beneficiary', w.beneficiary_snapshot,
    'amount', t.amount, 'fee', t.fee, 'currency', t.currency, 'target_amount', w.target_amount,
    'target_currency', w.target_currency, 'fx_rate', trim_scale(w.fx_rate)::text, 'purpose_code', w.purpose_code,
    'reference', t.reference, 'network_ref', w.network_ref,
    'needs_review', case when not p_of_customer then w.needs_review end,
    'screening_score', case when not p_of_customer then w.screening_score end,
    'screening_hits', case when not p_of_customer then w.screening_hits end,
    'rejection_reason', case when not p_of_customer then w.rejection_reason end,
    'created_by', w.created_by, 'approved_by', w.approved_by, 'approved_at', core.iso(w.approved_at),
    'reviewed_by', w.reviewed_by, 'reviewed_at', core.iso(w.reviewed_at), 'submitted_at', core.iso(w.submitted_at),
    'settled_at', core.iso(t.settled_at), 'version', w.version, 'created_at', core.iso(w.created_at),
    'updated_at', core.iso(w.updated_at)) $$;

-- One wire with every move that it made.
create function bank.wire_detail(p_business uuid, p_id uuid, p_of_customer boolean) returns json
language sql stable parallel safe as $$
  select (bank.wire_body(w, t, p_of_customer)::jsonb || jsonb_build_object('events', (
    select jsonb_agg(jsonb_build_object('at', core.iso(e.at), 'from_status', e.from_status, 'to_status', e.to_status,
      'actor_user_id', e.actor_user_id, 'note', case when not p_of_customer then e.note end) order by e.id)
    from bank.wire_transfer_events e where e.business_id = p_business and e.transfer_id = p_id)))::json
  from bank.wire_transfers w join bank.transfers t on t.business_id = w.business_id and t.id = w.transfer_id
  where w.business_id = p_business and w.transfer_id = p_id
$$;

-- The lines of a wire: amount and fee leave the account, the other bank is owed what the beneficiary gets, and between two
-- currencies stand the accounts fx:<target currency>, so that each currency balances by itself. p_is_back: the mirror image.
create function bank.wire_lines(t bank.transfers, w bank.wire_transfers, p_fee bigint, p_is_back boolean) returns jsonb
language plpgsql as $$
declare
  v_business uuid := t.business_id; v_fx text := 'fx:' || lower(w.target_currency); v_lines jsonb;
begin
  perform bank.keep_house_accounts(v_business, w.target_currency);
  v_lines := jsonb_build_array(
    jsonb_build_array(t.from_account_id, 'debit', t.amount + p_fee),
    jsonb_build_array(ledger.house_account(v_business, 'clearing:wires', 'liability', w.target_currency), 'credit',
      w.target_amount));
  if p_fee > 0 then
    v_lines := v_lines || jsonb_build_array(jsonb_build_array(
      ledger.house_account(v_business, 'income:bank_fees', 'income', t.currency), 'credit', p_fee));
  end if;
  if w.fx_rate is not null then
    v_lines := v_lines || jsonb_build_array(
      jsonb_build_array(ledger.house_account(v_business, v_fx, 'equity', t.currency), 'credit', t.amount),
      jsonb_build_array(ledger.house_account(v_business, v_fx, 'equity', w.target_currency), 'debit', w.target_amount));
  end if;
  return (select jsonb_agg(jsonb_build_object('account_id', l -> 0, 'amount', l -> 2,
      'side', case when (l ->> 1 = 'debit') <> p_is_back then 'debit' else 'credit' end))
    from jsonb_array_elements(v_lines) l);
end $$;

-- Makes a wire: prices it, screens the beneficiary, and holds amount and fee. A dormant account is active again. Returns the
-- wire as bank.wire_detail does.
-- p_own_user: whose customers' accounts are meant; null for all. p_wire: account_id, beneficiary_id, amount, currency,
-- purpose_code.
-- Refusals: wire_account, wire_beneficiary, kyc_required, no_fx_rate, amount_range, step_up_required,
-- limit_exceeded, and those of ledger.post.
create function bank.make_wire(p_business uuid, p_session uuid, p_own_user uuid, p_id uuid, p_wire jsonb) returns json
language plpgsql as $$
declare
  v_today date := core.business_today(p_business); v_screening bank.screening; q bank.wire_quote;
  v_account bank.accounts; v_beneficiary bank.beneficiaries; t bank.transfers; w bank.wire_transfers;
begin
  select a.* into v_account from bank.accounts a
  where a.business_id = p_business and a.id = (p_wire ->> 'account_id')::uuid
    and (p_own_user is null or exists (select from core.customers o
      where o.business_id = p_business and o.id = a.customer_id and o.user_id = p_own_user));
  if not found then perform bank.refuse('wire_account'); end if;
  select b.* into v_beneficiary from bank.beneficiaries b
  where b.business_id = p_business and b.id = (p_wire ->> 'beneficiary_id')::uuid
    and b.customer_id = v_account.customer_id and b.deleted_at is null for share;
  if not found then perform bank.refuse('wire_beneficiary'); end if;
  perform 1 from bank.kyc_profiles k
  where k.business_id = p_business and k.customer_id = v_account.customer_id for share;
  if bank.kyc_level(p_business, v_account.customer_id) < 2 then perform bank.refuse('kyc_required'); end if;
  q := bank.quote_wire(v_account, (p_wire ->> 'amount')::bigint, p_wire ->> 'currency');
  if q.needs_step_up then perform core.require_step_up(p_session); end if;
  if q.amount > q.single_limit then
    perform bank.refuse('limit_exceeded', jsonb_build_object('window', 'wire_single', 'limit', q.single_limit, 'used', 0));
  end if;
  v_screening := bank.screen(p_business, v_beneficiary.name);
  insert into bank.transfers (business_id, id, kind, status, from_account_id, amount, fee, currency, reference)
  values (p_business, p_id, 'wire', 'pending', v_account.id, q.amount, q.fee, q.currency, 'wire:' || p_id) returning * into t;
  insert into bank.wire_transfers (business_id, transfer_id, customer_id, beneficiary_id, beneficiary_snapshot, purpose_code,
    target_amount, target_currency, fx_rate, screening_score, screening_hits, needs_review, limit_day)
  values (p_business, p_id, v_account.customer_id, v_beneficiary.id,
    bank.beneficiary_body(v_beneficiary)::jsonb - '{id,customer_id,nickname,created_at,updated_at}'::text[],
    p_wire ->> 'purpose_code', q.target_amount, q.target_currency, q.fx_rate, v_screening.score, v_screening.hits,
    q.needs_step_up or v_screening.score >= 0.92, v_today) returning * into w;
  insert into bank.wire_transfer_events (business_id, transfer_id, to_status, actor_user_id)
  values (p_business, p_id, w.status, w.created_by);
  perform ledger.post(ledger.posting_of(p_business, p_id, 'pending', 'bank.wire'),
    bank.wire_lines(t, w, t.fee, false), array[
      row(1, v_account.id, 'day', v_today, q.amount, v_account.daily_limit)::ledger.limit_use,
      row(1, v_account.id, 'month', date_trunc('month', v_today)::date, q.amount, v_account.monthly_limit)::ledger.limit_use,
      row(1, v_account.id, 'wire_day', v_today, q.amount, coalesce(q.daily_limit, 9223372036854775807))::ledger.limit_use]);
  update bank.accounts a set status = 'active'
  where a.business_id = p_business and a.id = v_account.id and a.status = 'dormant';
  return bank.wire_detail(p_business, p_id, p_own_user is not null);
end $$;

-- Takes back what a wire used of its limits. Call it when ledger.resolve or ledger.post has locked the balances.
create function bank.return_limits(t bank.transfers, w bank.wire_transfers) returns void language sql as $$
  select ledger.release_limits(t.business_id, t.from_account_id, w.limit_day, t.amount, true)
$$;

-- What a move means for the money. p_next_id: of the ledger transaction that it makes.
create function bank.settle_wire(t bank.transfers, w bank.wire_transfers, p_to bank.wire_status, p_next_id uuid) returns void
language plpgsql as $$
declare
  v_fee bigint;
begin
  if p_to = 'completed' then
    perform ledger.resolve(t.business_id, p_next_id, t.id, 'post');
    update bank.transfers x set status = 'posted', settled_at = now() where x.business_id = t.business_id and x.id = t.id;
  elsif p_to in ('cancelled', 'rejected') then
    perform ledger.resolve(t.business_id, p_next_id, t.id, 'void');
    perform bank.return_limits(t, w);
    update bank.transfers x set status = case p_to when 'cancelled' then 'cancelled' else 'failed' end::bank.transfer_status,
      settled_at = now() where x.business_id = t.business_id and x.id = t.id;
  elsif p_to = 'returned' then
    v_fee := case when (bank.setting(t.business_id, 'bank.wire_fee') ->> 'refund_on_return')::boolean then t.fee else 0 end;
    perform ledger.post(ledger.posting_of(t.business_id, p_next_id, 'single', 'bank.wire.return',
      p_source_type => 'bank.transfer', p_source_id => t.id), bank.wire_lines(t, w, v_fee, true));
    perform bank.return_limits(t, w);
    update bank.transfers x set status = 'reversed', reversed_by_id = p_next_id
    where x.business_id = t.business_id and x.id = t.id;
  end if;
end $$;

-- Moves a wire. No row: there is none. The row is locked first, so of several who decide at once one is first and the others
-- meet what it left.
-- p_moves: src/bank/wire-moves.ts as JSON: [{"action", "from", "to", "roles", "only_creator", "not_by"}]
-- p_given: reason, network_ref. p_next_id: of the ledger transaction that the move may make.
-- Refusals: stale_version, illegal_transition {from, to, allowed}, wire_role, maker_checker, and those of ledger.resolve
-- and ledger.post.
create function bank.move_wire(p_business uuid, p_user uuid, p_own_user uuid, p_role text, p_id uuid, p_version int,
  p_action text, p_moves jsonb, p_given jsonb, p_next_id uuid) returns table (version int, body json) language plpgsql as $$
declare
  w bank.wire_transfers; t bank.transfers; v_screening bank.screening; v_is_waved boolean := false;
  v_move jsonb; v_to bank.wire_status; v_note text := p_given ->> 'reason';
begin
  select x.* into w from bank.wire_transfers x where x.business_id = p_business and x.transfer_id = p_id
    and (p_own_user is null or exists (select from core.customers o
      where o.business_id = p_business and o.id = x.customer_id and o.user_id = p_own_user)) for update;
  if not found then return; end if;
  select x.* into t from bank.transfers x where x.business_id = p_business and x.id = p_id;
  if w.version <> p_version then perform bank.refuse('stale_version'); end if;
  select m into v_move from jsonb_array_elements(p_moves) m where m ->> 'action' = p_action and m ->> 'from' = w.status::text;
  if not found then
    perform bank.refuse('illegal_transition', jsonb_build_object('from', w.status,
      'to', (select m -> 'to' from jsonb_array_elements(p_moves) with ordinality o (m, n) where m ->> 'action' = p_action
             order by n desc limit 1),
      'allowed', (select coalesce(jsonb_agg(distinct m -> 'to'), '[]') from jsonb_array_elements(p_moves) m
                  where m ->> 'from' = w.status::text)));
  end if;
  if not v_move -> 'roles' ? p_role or (v_move ->> 'only_creator')::boolean and w.created_by is distinct from p_user then
    perform bank.refuse('wire_role');
  end if;
  if v_move -> 'not_by' ? 'creator' and w.created_by = p_user or v_move -> 'not_by' ? 'approver' and w.approved_by = p_user then
    perform bank.refuse('maker_checker');
  end if;
  v_to := v_move ->> 'to';
  if v_to = 'compliance_review' and w.status = 'pending_approval' then
    -- names may have come to the list since the wire was made
    v_screening := bank.screen(p_business, w.beneficiary_snapshot ->> 'name');
    w.screening_score := v_screening.score; w.screening_hits := v_screening.hits;
    w.needs_review := w.needs_review or v_screening.score >= 0.92;
    w.approved_by := p_user; w.approved_at := now(); v_is_waved := not w.needs_review;
  elsif v_to in ('approved', 'rejected') then
    w.reviewed_by := p_user; w.reviewed_at := now();
  end if;
  perform bank.settle_wire(t, w, v_to, p_next_id);
  insert into bank.wire_transfer_events (business_id, transfer_id, from_status, to_status, actor_user_id, note)
  values (p_business, p_id, w.status, v_to, p_user, v_note);
  if v_is_waved then
    insert into bank.wire_transfer_events (business_id, transfer_id, from_status, to_status, actor_user_id, note)
    values (p_business, p_id, v_to, 'approved', p_user, 'Below the threshold, and no watched name is like it');
    v_to := 'approved';
  end if;
  update bank.wire_transfers x set status = v_to, screening_score = w.screening_score, screening_hits = w.screening_hits,
    needs_review = w.needs_review, approved_by = w.approved_by, approved_at = w.approved_at, reviewed_by = w.reviewed_by,
    reviewed_at = w.reviewed_at, network_ref = coalesce(p_given ->> 'network_ref', w.network_ref),
    submitted_at = case v_to when 'submitted' then now() else w.submitted_at end,
    rejection_reason = case v_to when 'rejected' then v_note else w.rejection_reason end
  where x.business_id = p_business and x.transfer_id = p_id returning x.version into version;
  body := bank.wire_detail(p_business, p_id, p_own_user is not null);
  return next;
end $$;
