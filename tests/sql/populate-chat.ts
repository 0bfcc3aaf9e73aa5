/** Tables of the chat that grow with use. */
export const chatGrowing = "budget.chat_threads budget.chat_messages";

/** Fills them: fifty people have threads, the eighth of them a long one, too. */
export const chatGrowth = `
  insert into budget.chat_threads (business_id, id, user_id, messages, last_message_at)
    select business_id, md5('thread' || g)::uuid, md5('user' || 1 + g % 50)::uuid, 2, now() - g * interval '1 minute'
    from b, generate_series(1, 6000) g;
  insert into budget.chat_messages (business_id, id, thread_id, seq, role, content, state, finish_reason, leased_until)
    select business_id, md5('message' || g)::uuid, md5('thread' || (1 + g % 6000))::uuid, 1 + g / 6000,
      case when g < 6000 then 'user' else 'assistant' end::budget.chat_role, 'What is left?',
      case when g % 3000 = 2999 and g > 6000 then 'streaming' else 'complete' end::budget.chat_state,
      case when g >= 6000 and g % 3000 <> 2999 then 'stop' end,
      case when g % 3000 = 2999 and g > 6000 then now() end
    from b, generate_series(0, 11999) g;
  insert into budget.chat_messages (business_id, id, thread_id, seq, role, content, state, leased_until)
    select business_id, md5('long' || g)::uuid, md5('thread7')::uuid, g,
      case when g = 3000 then 'assistant' else 'user' end::budget.chat_role, 'And now?',
      case when g = 3000 then 'streaming' else 'complete' end::budget.chat_state, case when g = 3000 then now() end
    from b, generate_series(3, 3000) g;
`;

export const chatIds = `md5('thread7')::uuid::text as thread_id, md5('long3000')::uuid::text as answer_id`;
