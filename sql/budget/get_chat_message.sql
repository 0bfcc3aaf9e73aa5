-- One message of a thread of a person, with its state, and whether a server is at work on it.
-- $1 business_id: the tenant
-- $2 user_id: whose
-- $3 thread_id: which thread
-- $4 message_id: which message
-- index: chat_threads_pk, chat_messages_pk
select budget.chat_message_body(m)::text as body, m.state,
       m.state = 'streaming' and m.leased_until > clock_timestamp() as is_running
from budget.chat_threads t
join budget.chat_messages m on m.business_id = t.business_id and m.thread_id = t.id and m.id = $4::uuid
where t.business_id = $1::uuid and t.user_id = $2::uuid and t.id = $3::uuid;
