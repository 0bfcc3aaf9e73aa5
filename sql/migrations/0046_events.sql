-- Events for those who listen: rows of core.outbox, written with the change that they tell of and numbered afterwards.
--
-- Whoever listens wants to ask "what came after number 17" and miss nothing. Numbers drawn inside the transactions of writers
-- do not allow that: 18 may commit before 17, and whoever has seen 18 never asks for 17 again. So rows come without a number,
-- and core.stamp_events numbers those that are committed, one transaction at a time: a number that can be seen has all lower
-- ones below it already. No writer waits for another one, and a long transaction delays nobody but itself.

-- None of these columns was ever used; outbox_pending_ix goes with published_at.
alter table core.outbox drop column published_at, drop column key;
alter table core.outbox
  add column seq bigint,                                   -- null until it is numbered
  add column transaction_id xid8 not null default pg_current_xact_id(),
  alter column business_id set not null,
  add constraint outbox_topic_ck check (topic ~ '^[a-z_]+:[0-9a-f-]{36}$'),
  add constraint outbox_payload_ck check (jsonb_typeof(payload) = 'object');

-- Each row is written, numbered and deleted within a day: what is left of it is cleared away soon, as with core.cache_outbox.
alter table core.outbox set (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.02);

create sequence core.outbox_seq owned by core.outbox.seq;

-- One event of a topic in a transaction; also how those without a number are found, which are few.
create unique index outbox_commit_uq on core.outbox (business_id, topic, transaction_id) where seq is null;
create index outbox_pending_ix on core.outbox (id) where seq is null;
-- What came after a number: of everything, for a server that listens, and of one topic, for who comes back.
create unique index outbox_seq_uq on core.outbox (seq) where seq is not null;
create index outbox_topic_ix on core.outbox (business_id, topic, seq) where seq is not null;

-- Everything up to here may be forgotten; what comes after it is kept. Numbers alone do not say it: they have gaps, because
-- one that was drawn by a transaction that failed is nobody's.
create table core.outbox_forgotten (
  is_only boolean primary key default true constraint outbox_forgotten_only_ck check (is_only),
  seq bigint not null default 0
);
insert into core.outbox_forgotten default values;

-- What two events of one transaction are together. Lists are united, null in place of a list is all of it, and everything
-- else is what the later one says.
create function core.merge_events(p_former jsonb, p_later jsonb) returns jsonb language sql immutable as $$
  select coalesce(jsonb_object_agg(m.name, case
    when jsonb_typeof(p_former -> m.name) = 'array' and jsonb_typeof(p_later -> m.name) = 'array' then (
      select coalesce(jsonb_agg(distinct i), '[]') from jsonb_array_elements((p_former -> m.name) || (p_later -> m.name)) i)
    when jsonb_typeof(p_former -> m.name) = 'null' and jsonb_typeof(p_later -> m.name) = 'array' then 'null'
    else coalesce(p_later -> m.name, p_former -> m.name) end), '{}')
  from jsonb_object_keys(p_former || p_later) m (name) $$;

-- Tells who listens to a topic, `<kind>:<id>`, what this transaction changes. Call it after the lock that orders the
-- writers of the topic was taken: events of a topic are told in the order in which they were published.
create function core.publish(p_business_id uuid, p_topic text, p_payload jsonb) returns void language sql volatile as $$
  insert into core.outbox as o (business_id, topic, payload) values (p_business_id, p_topic, p_payload)
  on conflict (business_id, topic, transaction_id) where seq is null
  do update set payload = core.merge_events(o.payload, excluded.payload) $$;

-- Numbers what is committed, p_limit events at most, in the order in which they were published. Returns how many; 0, too,
-- while somebody else does it. Nobody may see a number before this transaction is on disk: after a crash it would be
-- given again.
create function core.stamp_events(p_limit int) returns int language plpgsql volatile as $$
declare
  v_stamped int;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('core.stamp_events', 0)) then return 0; end if;
  -- A statement of its own, so that it sees everything that whoever had the lock before has numbered.
  with pending as materialized (
    select p.id, nextval('core.outbox_seq') as seq
    from (select o.id from core.outbox o where o.seq is null order by o.id limit p_limit) p)
  update core.outbox o set seq = p.seq from pending p where o.id = p.id;
  get diagnostics v_stamped = row_count;
  return v_stamped;
end $$;

-- A person is told of the latest of what a statement has written; the list has the others.
create function core.publish_notifications() returns trigger language plpgsql as $$
begin
  perform core.publish(n.business_id, 'notifications:' || n.user_id,
    jsonb_build_object('id', n.id, 'type', n.type, 'title', n.title))
  from (
    select distinct on (i.business_id, i.user_id) i.business_id, i.user_id, i.id, i.type, i.title
    from inserted i order by i.business_id, i.user_id, i.created_at desc, i.id desc) n;
  return null;
end $$;
create trigger publish after insert on core.notifications referencing new table as inserted
for each statement execute function core.publish_notifications();
