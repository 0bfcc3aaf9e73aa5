-- KYC: who a customer is, by documents that compliance has looked at. Whatever changes a document or a profile locks the
-- profile first, so all that happens to one customer happens one after the other, and the level is always judged on what
-- is there.

------------------------------------------------------------------------------------------------------------ the rules
-- Which moves there are, and whose they are: the sender (the customer, or compliance for them), compliance, or the clock.
-- Statements look their moves up here, answers say what is allowed from here, and triggers refuse any other move.
create function bank.kyc_profile_moves()
returns table (from_status bank.kyc_status, to_status bank.kyc_status, actor text) language sql immutable rows 9 as $$
  select f::bank.kyc_status, t::bank.kyc_status, a from (values
    ('not_started', 'pending', 'sender'), ('rejected', 'pending', 'sender'), ('expired', 'pending', 'sender'),
    ('pending', 'in_review', 'compliance'), ('in_review', 'approved', 'compliance'),
    ('in_review', 'rejected', 'compliance'), ('approved', 'expired', 'compliance'),
    ('approved', 'expired', 'clock')) moves (f, t, a) $$;

create function bank.kyc_document_moves()
returns table (from_status bank.document_status, to_status bank.document_status, actor text)
language sql immutable rows 7 as $$
  select f::bank.document_status, t::bank.document_status, a from (values
    ('uploaded', 'in_review', 'compliance'), ('in_review', 'approved', 'compliance'),
    ('in_review', 'rejected', 'compliance'), ('approved', 'expired', 'clock'),
    ('uploaded', 'superseded', 'sender'), ('in_review', 'superseded', 'sender'),
    ('approved', 'superseded', 'sender')) moves (f, t, a) $$;

-- What each level asks for: one of these documents, issued in the last max_age_days (null: whenever). Level 3 asks for
-- enhanced due diligence beside level 2: a decision of compliance, not a document.
create function bank.kyc_requirements()
returns table (level smallint, any_of bank.document_type[], max_age_days int) language sql immutable rows 2 as $$
  values (1::smallint, '{passport,national_id,drivers_license}'::bank.document_type[], null::int),
         (2::smallint, '{utility_bill,bank_statement}'::bank.document_type[], 90) $$;

create function bank.refuse_kyc_move() returns trigger language plpgsql as $$
begin
  if not (case tg_table_name
    when 'kyc_profiles' then exists (select from bank.kyc_profile_moves() m
      where m.from_status::text = old.status::text and m.to_status::text = new.status::text)
    else exists (select from bank.kyc_document_moves() m
      where m.from_status::text = old.status::text and m.to_status::text = new.status::text) end) then
    raise exception '% does not go from % to %', tg_table_name, old.status, new.status
      using errcode = '23514', constraint = 'illegal_transition';
  end if;
  return new;
end $$;

create trigger refuse_move before update of status on bank.kyc_profiles for each row
  when (old.status is distinct from new.status) execute function bank.refuse_kyc_move();
create trigger refuse_move before update of status on bank.kyc_documents for each row
  when (old.status is distinct from new.status) execute function bank.refuse_kyc_move();

---------------------------------------------------------------------------------------------------------------- files
-- Who may read a file beside its owner: these roles; null is everybody whose work it is to read files. A file with
-- readers belongs to a record, and is removed with it only.
alter table core.files add column readers core.member_role[];

create function core.may_read_file(f core.files, p_user_id uuid, p_role core.member_role) returns boolean
language sql stable parallel safe as $$
  select f.deleted_at is null and (coalesce(f.owner_user_id = p_user_id, false)
    or p_role <> 'customer' and (f.readers is null or p_role = any (f.readers))) $$;

-- Records a file whose bytes are stored already. p_file: sha256 (hex), size_bytes, mime, filename, storage_key.
create function core.create_file(p_business_id uuid, p_file_id uuid, p_owner_user_id uuid, p_file jsonb,
  p_ref_type text, p_ref_id uuid, p_readers core.member_role[] default null) returns core.files language sql volatile as $$
  insert into core.files as f (business_id, id, owner_user_id, sha256, size_bytes, mime, filename, storage_key, ref_type,
    ref_id, readers)
  select p_business_id, p_file_id, p_owner_user_id, decode(p.sha256, 'hex'), p.size_bytes, p.mime, p.filename,
    p.storage_key, p_ref_type, p_ref_id, p_readers
  from jsonb_to_record(p_file) as p (sha256 text, size_bytes bigint, mime text, filename text, storage_key text)
  returning f.* $$;

--------------------------------------------------------------------------------------------------------------- bodies
create function bank.kyc_document_body(d bank.kyc_documents) returns json language sql stable parallel safe as $$
  select json_build_object('id', d.id, 'customer_id', d.customer_id, 'document_type', d.document_type,
    'status', d.status, 'issued_on', d.issued_on, 'expires_on', d.expires_on, 'is_evidence', d.is_evidence,
    'rejection_code', d.rejection_code, 'rejection_note', d.rejection_note, 'reviewed_at', core.iso(d.reviewed_at),
    'file', (select json_build_object('id', f.id, 'filename', f.filename, 'mime', f.mime, 'size_bytes', f.size_bytes,
               'sha256', encode(f.sha256, 'hex'))
             from core.files f where f.business_id = d.business_id and f.id = d.file_id),
    'version', d.version, 'created_at', core.iso(d.created_at), 'updated_at', core.iso(d.updated_at)) $$;

-- Where a customer stands. Who has sent nothing has no row yet: p is null then, and the version 0. The risk is for
-- colleagues: a person who knew it would know what the bank suspects.
create function bank.kyc_profile_body(p_customer_id uuid, p bank.kyc_profiles, p_with_risk boolean) returns json
language sql stable parallel safe as $$
  select json_build_object('customer_id', p_customer_id, 'status', coalesce(p.status, 'not_started'),
    'level', coalesce(p.level, 0), 'risk', case when p_with_risk then coalesce(p.risk, 'low') end,
    'enhanced_due_diligence', coalesce(p.enhanced_due_diligence, false), 'expires_on', p.expires_on,
    'submitted_at', core.iso(p.submitted_at), 'reviewed_at', core.iso(p.reviewed_at), 'reason', p.reason,
    'version', coalesce(p.version, 0)) $$;

---------------------------------------------------------------------------------------------------------------- levels
-- The level that evidence alone proves. p_today: what is older than a requirement allows does not count; null: what was
-- accepted once is not held against anybody for its age.
create function bank.kyc_proved_level(p_business_id uuid, p_customer_id uuid, p_today date) returns int
language sql stable as $$
  select coalesce(min(r.level) filter (where not r.is_met) - 1, max(r.level)) from (
    select q.level, exists (
      select from bank.kyc_documents d
      where d.business_id = p_business_id and d.customer_id = p_customer_id and d.is_evidence
        and d.document_type = any (q.any_of)
        and (p_today is null or q.max_age_days is null or d.issued_on >= p_today - q.max_age_days)) as is_met
    from bank.kyc_requirements() q) r $$;

-- The level on the business's day: a profile that ended at midnight has none, before the clock's job has said so too. (The
-- first form is in 0017.)
create or replace function bank.kyc_level(p_business uuid, p_customer uuid) returns smallint
language sql stable parallel safe
return coalesce((select k.level from bank.kyc_profiles k where k.business_id = p_business and k.customer_id = p_customer
  and k.status = 'approved' and k.expires_on >= core.business_today(p_business)), 0::smallint);

-- Tells the person behind a customer, where there is one.
create function bank.notify_customer(p_business_id uuid, p_customer_id uuid, p_type text, p_title text, p_body text,
  p_ref_type text, p_ref_id uuid) returns void language sql volatile as $$
  insert into core.notifications (business_id, user_id, type, title, body, ref_type, ref_id)
  select p_business_id, c.user_id, p_type, p_title, p_body, p_ref_type, p_ref_id
  from core.customers c where c.business_id = p_business_id and c.id = p_customer_id and c.user_id is not null $$;

-- Brings a profile in line with its documents, after one of them was reviewed, removed or has expired. The caller holds
-- the profile's lock. A level rises with new evidence that is fresh enough, and falls only with evidence that is gone.
-- Returns the level.
create function bank.settle_kyc_profile(p_business_id uuid, p_customer_id uuid) returns int language plpgsql as $$
declare
  v bank.kyc_profiles;
  v_is_waiting boolean;
  v_level int;
begin
  select p.* into v from bank.kyc_profiles p where p.business_id = p_business_id and p.customer_id = p_customer_id;
  if v.status is distinct from 'approved' then return v.level; end if;
  v_is_waiting := exists (select from bank.kyc_documents d where d.business_id = p_business_id
    and d.customer_id = p_customer_id and d.status in ('uploaded', 'in_review'));
  v_level := greatest(bank.kyc_proved_level(p_business_id, p_customer_id, core.business_today(p_business_id)),
    least(v.level, bank.kyc_proved_level(p_business_id, p_customer_id, null)));
  if v_level = 2 and v.enhanced_due_diligence then v_level := 3; end if;
  if v_level = 0 then return bank.end_kyc_approval(p_business_id, p_customer_id, null, null); end if;
  update bank.kyc_profiles p set level = v_level,
    submitted_at = case when v_is_waiting then coalesce(v.submitted_at, now()) end
  where p.business_id = p_business_id and p.customer_id = p_customer_id
    and (p.level <> v_level or (p.submitted_at is not null) <> v_is_waiting);
  if v_level <> v.level then perform bank.activate_accounts(p_business_id, p_customer_id); end if;
  return v_level;
end $$;

-- Ends an approval, by the clock or by compliance (then with who and why); the caller holds the profile's lock. What the
-- customer has sent meanwhile begins the next review at once. Returns the level, which is 0.
create function bank.end_kyc_approval(p_business_id uuid, p_customer_id uuid, p_user_id uuid, p_reason text) returns int
language plpgsql as $$
declare
  v_since timestamptz;
begin
  update bank.kyc_profiles p set status = 'expired', level = 0, enhanced_due_diligence = false, submitted_at = null,
    reviewed_by = coalesce(p_user_id, p.reviewed_by), reason = p_reason,
    reviewed_at = case when p_user_id is null then p.reviewed_at else now() end
  where p.business_id = p_business_id and p.customer_id = p_customer_id;
  perform bank.activate_accounts(p_business_id, p_customer_id);
  perform bank.notify_customer(p_business_id, p_customer_id, 'kyc.expired', 'Your identification has expired',
    'Send the documents that are missing to have it renewed.', 'kyc_profile', p_customer_id);
  select min(d.created_at) into v_since from bank.kyc_documents d where d.business_id = p_business_id
    and d.customer_id = p_customer_id and d.status in ('uploaded', 'in_review');
  if v_since is not null then
    update bank.kyc_profiles p set status = 'pending', submitted_at = v_since
    where p.business_id = p_business_id and p.customer_id = p_customer_id;
  end if;
  return 0;
end $$;

------------------------------------------------------------------------------------------------------------- sending
-- Why a document cannot be taken on the business's day p_today, by the name of the refusal; null: it can.
create function bank.kyc_document_fault(d bank.kyc_documents, p_today date) returns text language sql stable as $$
  select case
    when d.issued_on > p_today then 'kyc_document_issued_later'
    when d.expires_on < p_today then 'kyc_document_expired'
    when exists (select from bank.kyc_requirements() r where d.document_type = any (r.any_of)
      and r.max_age_days is not null and (d.issued_on is null or d.issued_on < p_today - r.max_age_days))
      then 'kyc_document_too_old' end $$;

-- Takes a document from its sender: the newest of its type is the one that counts, so it supersedes the one before; what
-- was evidence stays evidence until this one is approved. p_own_user_id: only a customer with this login; null: any.
-- p_document: id, customer_id, document_type, issued_on, expires_on. p_file: as core.create_file takes it, with its id.
-- Returns its body, made here, where its file can be seen already; null: there is no such customer.
create function bank.send_kyc_document(p_business_id uuid, p_user_id uuid, p_own_user_id uuid, p_document jsonb,
  p_file jsonb) returns json language plpgsql as $$
declare
  v bank.kyc_documents := jsonb_populate_record(null::bank.kyc_documents, p_document);
  v_today date := core.business_today(p_business_id);
  v_owner uuid;
  v_fault text := bank.kyc_document_fault(v, v_today);
begin
  select coalesce(c.user_id, p_user_id) into v_owner from core.customers c
  where c.business_id = p_business_id and c.id = v.customer_id and (p_own_user_id is null or c.user_id = p_own_user_id);
  if not found then return null; end if;
  if v_fault is not null then
    raise exception 'the days of the document are refused' using errcode = '23514', constraint = v_fault;
  end if;
  insert into bank.kyc_profiles (business_id, customer_id) values (p_business_id, v.customer_id) on conflict do nothing;
  perform from bank.kyc_profiles p where p.business_id = p_business_id and p.customer_id = v.customer_id
    for no key update;
  update bank.kyc_documents d set status = 'superseded'
  where d.business_id = p_business_id and d.customer_id = v.customer_id and d.document_type = v.document_type
    and d.status in (select m.from_status from bank.kyc_document_moves() m where m.to_status = 'superseded');
  perform core.create_file(p_business_id, (p_file ->> 'id')::uuid, v_owner, p_file, 'kyc_document', v.id, '{compliance}');
  insert into bank.kyc_documents (business_id, id, customer_id, document_type, file_id, issued_on, expires_on)
  values (p_business_id, v.id, v.customer_id, v.document_type, (p_file ->> 'id')::uuid, v.issued_on, v.expires_on)
  returning * into v;
  update bank.kyc_profiles p set submitted_at = coalesce(p.submitted_at, now()), status = coalesce(
    (select m.to_status from bank.kyc_profile_moves() m where m.from_status = p.status and m.to_status = 'pending'), p.status)
  where p.business_id = p_business_id and p.customer_id = v.customer_id;
  return bank.kyc_document_body(v);
end $$;

-- Takes back a document that nobody has looked at; its file goes with it. Null: not there, or too late.
create function bank.withdraw_kyc_document(p_business_id uuid, p_own_user_id uuid, p_document_id uuid) returns uuid
language plpgsql as $$
declare
  v bank.kyc_documents;
begin
  perform from bank.kyc_profiles p join bank.kyc_documents d using (business_id, customer_id)
  where d.business_id = p_business_id and d.id = p_document_id for no key update of p;
  delete from bank.kyc_documents d using core.customers c
  where d.business_id = p_business_id and d.id = p_document_id and d.status = 'uploaded'
    and c.business_id = d.business_id and c.id = d.customer_id and (p_own_user_id is null or c.user_id = p_own_user_id)
  returning d.* into v;
  if not found then return null; end if;
  update core.files f set deleted_at = now() where f.business_id = p_business_id and f.id = v.file_id;
  perform bank.settle_kyc_profile(p_business_id, v.customer_id);
  return v.id;
end $$;

----------------------------------------------------------------------------------------------------------- reviewing
-- Approves or rejects a document (p_to). Looking at what is still `uploaded` takes it up first, and the profile with it.
-- Returns its body; null: not there, another version than p_version (null: any), or in a state that does not allow it.
create function bank.review_kyc_document(p_business_id uuid, p_user_id uuid, p_document_id uuid, p_version int,
  p_to bank.document_status, p_code bank.document_rejection_code, p_note text) returns json
language plpgsql as $$
declare
  v bank.kyc_documents;
begin
  perform from bank.kyc_profiles p join bank.kyc_documents d using (business_id, customer_id)
  where d.business_id = p_business_id and d.id = p_document_id for no key update of p;
  select d.* into v from bank.kyc_documents d where d.business_id = p_business_id and d.id = p_document_id;
  if v.version <> p_version or not exists (select from bank.kyc_document_moves() m where m.to_status = p_to
    and m.from_status = case when v.status = 'uploaded' then 'in_review' else v.status end) then return null; end if;
  if p_to = 'approved' then
    if bank.kyc_document_fault(v, core.business_today(p_business_id)) is not null then
      raise exception 'the document has become too old' using errcode = '23514', constraint = 'kyc_document_outdated';
    end if;
    update bank.kyc_documents d set is_evidence = false
    where d.business_id = p_business_id and d.customer_id = v.customer_id and d.document_type = v.document_type
      and d.is_evidence;
  end if;
  update bank.kyc_profiles p set status = 'in_review'
  where p.business_id = p_business_id and p.customer_id = v.customer_id and p.status = 'pending';
  update bank.kyc_documents d set status = 'in_review'
  where d.business_id = p_business_id and d.id = v.id and d.status = 'uploaded';
  update bank.kyc_documents d set status = p_to, is_evidence = p_to = 'approved', rejection_code = p_code,
    rejection_note = p_note, reviewed_by = p_user_id, reviewed_at = now()
  where d.business_id = p_business_id and d.id = v.id returning * into v;
  perform bank.settle_kyc_profile(p_business_id, v.customer_id);
  if p_to = 'rejected' then
    perform bank.notify_customer(p_business_id, v.customer_id, 'kyc.document_rejected', 'A document was not accepted',
      concat_ws(': ', replace(v.document_type::text, '_', ' '), replace(p_code::text, '_', ' '), p_note),
      'kyc_document', v.id);
  end if;
  return bank.kyc_document_body(v);
end $$;

-- Decides on a customer. p_decision: decision (the status to go to), reason, expires_on, risk, enhanced_due_diligence.
-- Null: they have sent nothing, another version than p_version (null: any), or a state that does not allow it.
create function bank.decide_kyc(p_business_id uuid, p_user_id uuid, p_customer_id uuid, p_version int, p_decision jsonb)
returns bank.kyc_profiles language plpgsql as $$
declare
  v bank.kyc_profiles;
  d record;
  v_today date := core.business_today(p_business_id);
  v_level int := 0;
begin
  select * into d from jsonb_to_record(p_decision) as x (decision bank.kyc_status, reason text, expires_on date,
    risk bank.kyc_risk, enhanced_due_diligence boolean);
  select p.* into v from bank.kyc_profiles p
  where p.business_id = p_business_id and p.customer_id = p_customer_id for no key update;
  if not found or v.version <> p_version or not exists (select from bank.kyc_profile_moves() m where m.actor = 'compliance'
    and m.from_status = v.status and m.to_status = d.decision) then return null; end if;
  if d.decision = 'in_review' then
    update bank.kyc_documents x set status = 'in_review'
    where x.business_id = p_business_id and x.customer_id = p_customer_id and x.status = 'uploaded';
  elsif d.decision = 'approved' then
    v_level := bank.kyc_proved_level(p_business_id, p_customer_id, v_today);
    if v_level = 0 or coalesce(d.enhanced_due_diligence, false) and v_level < 2 then
      raise exception 'documents are missing' using errcode = '23514', constraint = 'kyc_incomplete';
    end if;
    if d.expires_on is null or d.expires_on <= v_today then
      raise exception 'an approval ends on a later day' using errcode = '23514', constraint = 'kyc_profile_expires_on';
    end if;
    if d.enhanced_due_diligence then v_level := 3; end if;
  elsif d.decision = 'expired' then
    perform bank.end_kyc_approval(p_business_id, p_customer_id, p_user_id, d.reason);
    select p.* into v from bank.kyc_profiles p where p.business_id = p_business_id and p.customer_id = p_customer_id;
    return v;
  end if;
  update bank.kyc_profiles p set status = d.decision, level = v_level, reason = d.reason,
    expires_on = case when d.decision = 'approved' then d.expires_on else p.expires_on end,
    risk = coalesce(d.risk, p.risk), enhanced_due_diligence = coalesce(d.enhanced_due_diligence, false),
    submitted_at = case when d.decision = 'in_review' then p.submitted_at when d.decision = 'approved' then
      (select min(x.created_at) from bank.kyc_documents x where x.business_id = p_business_id
        and x.customer_id = p_customer_id and x.status in ('uploaded', 'in_review')) end,
    reviewed_by = p_user_id, reviewed_at = now()
  where p.business_id = p_business_id and p.customer_id = p_customer_id returning * into v;
  if d.decision = 'approved' then perform bank.activate_accounts(p_business_id, p_customer_id); end if;
  if d.decision in ('approved', 'rejected') then
    perform bank.notify_customer(p_business_id, p_customer_id, 'kyc.' || d.decision,
      'Your identification was ' || d.decision, d.reason, 'kyc_profile', p_customer_id);
  end if;
  return v;
end $$;

--------------------------------------------------------------------------------------------------------------- expiry
-- Ends what is past its last day on the business's own calendar: evidence, and approvals. A part of it, customer by
-- customer; who is being changed right now is left for the next call. Returns how many customers it concerned.
create function bank.expire_kyc(p_limit_rows int) returns int language plpgsql as $$
declare
  v record;
  v_document bank.kyc_documents;
  v_expired int := 0;
  -- no business is further in its day: what ends after this day ends nowhere yet
  v_latest_day date := (now() at time zone 'Pacific/Kiritimati')::date;
begin
  for v in
    select b.id as business_id, due.customer_id, core.business_today(b.id) as today from (
      select d.business_id, d.customer_id, d.expires_on from bank.kyc_documents d
      where d.is_evidence and d.expires_on < v_latest_day
      union
      select p.business_id, p.customer_id, p.expires_on from bank.kyc_profiles p
      where p.status = 'approved' and p.expires_on < v_latest_day) due
    join core.businesses b on b.id = due.business_id
    where due.expires_on < (now() at time zone b.timezone)::date
    group by 1, 2 order by min(due.expires_on), 1, 2 limit p_limit_rows
  loop
    perform from bank.kyc_profiles p where p.business_id = v.business_id and p.customer_id = v.customer_id
      for no key update skip locked;
    continue when not found;
    for v_document in
      update bank.kyc_documents x set is_evidence = false,
        status = case x.status when 'approved' then 'expired' else x.status end
      where x.business_id = v.business_id and x.customer_id = v.customer_id and x.is_evidence and x.expires_on < v.today
      returning x.*
    loop
      if v_document.status = 'expired' then
        perform bank.notify_customer(v.business_id, v.customer_id, 'kyc.document_expired', 'A document has expired',
          replace(v_document.document_type::text, '_', ' '), 'kyc_document', v_document.id);
      end if;
    end loop;
    if exists (select from bank.kyc_profiles p where p.business_id = v.business_id and p.customer_id = v.customer_id
      and p.status = 'approved' and p.expires_on < v.today) then
      perform bank.end_kyc_approval(v.business_id, v.customer_id, null, null);
    else
      perform bank.settle_kyc_profile(v.business_id, v.customer_id);
    end if;
    -- The tags of src/bank/tags.ts.
    perform core.invalidate(array['b:' || v.business_id || '|bank_kyc:' || v.customer_id,
      'b:' || v.business_id || '|bank_accounts', 'b:' || v.business_id || '|bank_overview']);
    v_expired := v_expired + 1;
  end loop;
  return v_expired;
end $$;
