-- Chat: what a person asks about their own figures, and what they were answered.
--
-- A question and the empty answer to it are written together, before anything is sent. The answer comes in pieces, which the
-- server that works on it keeps in memory, and is written once, whole, with its final state. That server holds a lease of the
-- answer and renews it; where nobody does any more, whoever finds the answer ends it. Who wants to stop an answer, on whichever
-- server, leaves a mark that the one at work reads when it renews.
--
-- Key without business_id: chat_messages_streaming_ix, because the job that ends lost answers looks for those of all businesses.
create type budget.chat_role as enum ('user', 'assistant');
create type budget.chat_state as enum ('streaming', 'complete', 'aborted', 'error');

create table budget.chat_threads (
  business_id uuid not null constraint chat_threads_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(),
  user_id uuid not null constraint chat_threads_user_fk references core.users,
  -- without one, the beginning of the first question is shown
  title text constraint chat_threads_title_ck check (length(title) between 1 and 200),
  messages int not null default 0 constraint chat_threads_messages_ck check (messages >= 0),
  last_message_at timestamptz not null default now(),
  version int not null default 1,
  constraint chat_threads_pk primary key (business_id, id)
);
-- a message is not a change of its thread: no version, no audit row
select core.keep_record('budget.chat_threads', '{messages,last_message_at}');
-- What people write is theirs: the trail knows that a thread was made and deleted, and no word of it.
select core.keep_audit('budget.chat_threads', 'chat_thread', '{title}', '{messages,last_message_at}');
create index chat_threads_ix on budget.chat_threads (business_id, user_id, last_message_at desc, id desc);

create table budget.chat_messages (
  business_id uuid not null,
  id uuid not null default gen_random_uuid(),
  thread_id uuid not null,
  seq int not null constraint chat_messages_seq_ck check (seq > 0),
  role budget.chat_role not null,
  content text not null constraint chat_messages_content_ck check (length(content) <= 100000),
  state budget.chat_state not null default 'complete',
  -- stop, length, content_filter; of an answer that was completed
  finish_reason text,
  model text,
  prompt_tokens int, completion_tokens int,
  -- until when the server at work on it counts as living, and when somebody wanted it to stop
  leased_until timestamptz,
  cancel_requested_at timestamptz,
  constraint chat_messages_pk primary key (business_id, id),
  constraint chat_messages_thread_fk foreign key (business_id, thread_id)
    references budget.chat_threads (business_id, id) on delete cascade,
  constraint chat_messages_seq_uq unique (business_id, thread_id, seq),
  constraint chat_messages_state_ck check ((state = 'streaming') = (leased_until is not null)),
  constraint chat_messages_role_ck check (role = 'assistant' or state = 'complete'),
  constraint chat_messages_finish_ck check ((finish_reason is not null) = (role = 'assistant' and state = 'complete'))
);
select core.keep_record('budget.chat_messages', '{leased_until,cancel_requested_at}');
create index chat_messages_streaming_ix on budget.chat_messages (business_id, id) where state = 'streaming';

create function budget.chat_thread_body(t budget.chat_threads) returns json language sql stable as $$
  select json_build_object('id', t.id, 'title', coalesce(t.title, (
      select left(m.content, 80) from budget.chat_messages m
      where m.business_id = t.business_id and m.thread_id = t.id and m.seq = 1)),
    'messages', t.messages, 'last_message_at', core.iso(t.last_message_at), 'version', t.version,
    'created_at', core.iso(t.created_at), 'updated_at', core.iso(t.updated_at)) $$;

create function budget.chat_message_body(m budget.chat_messages) returns json language sql stable as $$
  select json_build_object('id', m.id, 'thread_id', m.thread_id, 'seq', m.seq, 'role', m.role, 'content', m.content,
    'state', m.state, 'finish_reason', m.finish_reason, 'model', m.model, 'prompt_tokens', m.prompt_tokens,
    'completion_tokens', m.completion_tokens, 'created_at', core.iso(m.created_at), 'updated_at', core.iso(m.updated_at)) $$;

-- Tells who listens to a thread what became of a message. Call it under the lock of the thread, which orders its events.
create function budget.tell_of_message(m budget.chat_messages) returns void language sql volatile as $$
  select core.publish(m.business_id, 'chat:' || m.thread_id,
    jsonb_build_object('thread_id', m.thread_id, 'message_id', m.id, 'state', m.state)) $$;

-- Writes a question and the answer that is to come. p_is_new: the thread is made, too. Null: the person has no such thread.
-- Returns {thread_id, answer_id, context}: the last messages that were said before, the question not among them.
create function budget.ask_chat(p_business uuid, p_user uuid, p_thread uuid, p_is_new boolean, p_question uuid, p_answer uuid,
  p_content text, p_model text, p_lease_s int, p_context int) returns jsonb language plpgsql as $$
declare
  v_seq int;
  v_context jsonb;
  v_answer budget.chat_messages;
begin
  if p_is_new then
    insert into budget.chat_threads (business_id, id, user_id) values (p_business, p_thread, p_user);
  end if;
  -- the lock that orders the messages of a thread
  update budget.chat_threads t set messages = t.messages + 2, last_message_at = clock_timestamp()
  where t.business_id = p_business and t.id = p_thread and t.user_id = p_user
  returning t.messages - 1 into v_seq;
  if not found then return null; end if;
  -- what was never answered or is being answered is a question without an answer, which models take
  select coalesce(jsonb_agg(jsonb_build_object('role', s.role, 'content', s.content) order by s.seq), '[]') into v_context
  from (select m.role, m.content, m.seq from budget.chat_messages m
        where m.business_id = p_business and m.thread_id = p_thread and m.content <> ''
        order by m.seq desc limit p_context) s;
  insert into budget.chat_messages (business_id, id, thread_id, seq, role, content)
  values (p_business, p_question, p_thread, v_seq, 'user', p_content);
  insert into budget.chat_messages (business_id, id, thread_id, seq, role, content, state, model, leased_until)
  values (p_business, p_answer, p_thread, v_seq + 1, 'assistant', '', 'streaming', p_model,
    clock_timestamp() + make_interval(secs => p_lease_s))
  returning * into v_answer;
  perform budget.tell_of_message(v_answer);
  return jsonb_build_object('thread_id', p_thread, 'answer_id', p_answer, 'context', v_context);
end $$;

-- Writes what an answer came to. Null: it was ended by somebody else, or its thread is gone.
-- p_end: state, content, finish_reason, model, prompt_tokens, completion_tokens; what is absent stays as it is.
create function budget.end_chat_answer(p_business uuid, p_user uuid, p_answer uuid, p_end jsonb) returns text
language plpgsql as $$
declare
  v_answer budget.chat_messages;
begin
  perform from budget.chat_threads t
  where t.business_id = p_business and t.user_id = p_user and t.id = (
    select m.thread_id from budget.chat_messages m where m.business_id = p_business and m.id = p_answer)
  for no key update;
  if not found then return null; end if;
  update budget.chat_messages m set
    state = (p_end ->> 'state')::budget.chat_state, content = p_end ->> 'content', leased_until = null,
    finish_reason = p_end ->> 'finish_reason', model = coalesce(p_end ->> 'model', m.model),
    prompt_tokens = (p_end ->> 'prompt_tokens')::int, completion_tokens = (p_end ->> 'completion_tokens')::int
  where m.business_id = p_business and m.id = p_answer and m.state = 'streaming'
  returning * into v_answer;
  if not found then return null; end if;
  perform budget.tell_of_message(v_answer);
  return budget.chat_message_body(v_answer);
end $$;

-- Ends answers that nobody works on any more: their server is gone, and what it had of them with it. p_limit at most;
-- returns how many. Somebody who waits for the lock of a thread is at work there, and is left alone.
create function budget.end_lost_answers(p_limit int) returns int language plpgsql as $$
declare
  v_lost record;
  v_answer budget.chat_messages;
  v_ended int := 0;
begin
  for v_lost in
    select m.business_id, m.id, m.thread_id from budget.chat_messages m
    where m.state = 'streaming' and m.leased_until < clock_timestamp() limit p_limit
  loop
    perform from budget.chat_threads t where t.business_id = v_lost.business_id and t.id = v_lost.thread_id
    for no key update skip locked;
    continue when not found;
    update budget.chat_messages m set state = 'error', leased_until = null
    where m.business_id = v_lost.business_id and m.id = v_lost.id and m.state = 'streaming'
      and m.leased_until < clock_timestamp()
    returning * into v_answer;
    continue when not found;
    perform budget.tell_of_message(v_answer);
    insert into core.cache_outbox (tags)
    values (array[format('b:%s|chat_thread:%s', v_lost.business_id, v_lost.thread_id)]);
    v_ended := v_ended + 1;
  end loop;
  return v_ended;
end $$;
