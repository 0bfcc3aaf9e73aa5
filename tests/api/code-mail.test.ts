import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { coreJobs } from "../../src/core/background-jobs.ts";
import { createMail } from "../../src/core/code-mail.ts";
import type { CodeMessage } from "../../src/core/code-message.ts";
import { startTestApp } from "../helpers/app.ts";
import { codeFor, codeOf, enter, requestCode, requestEntryCode } from "../helpers/one-time-codes.ts";
import { expectProblem } from "../helpers/problem.ts";
import { certificate, type Mailbox, startMailbox } from "../helpers/smtp.ts";

const from = "codes@bank.example.test";
const message: CodeMessage = {
  challenge_id: "01987c3e-5a10-7b42-9c1d-3f6a2e8b7d05",
  purpose: "login",
  channel: "email",
  destination: "ada.o'neil+x@mail.example.test",
  code: "482913",
  created_at: "2026-11-20T08:15:00.000Z",
  expires_at: "2026-11-20T08:20:00.000Z",
  locale: null,
};

const open: { stop(): Promise<void> }[] = [];
const mailbox = async (options: Parameters<typeof startMailbox>[0] = {}): Promise<Mailbox> => {
  const made = await startMailbox(options);
  open.push(made);
  return made;
};
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

describe("an e-mail with a code", () => {
  test("is one plain mail to one address, whose subject says nothing, the same at every try", async () => {
    const { port, mails } = await mailbox({ offers_tls: false });
    const send = createMail({ url: `smtp://127.0.0.1:${port}`, from });
    expect([await send(message), await send({ ...message, code: null, purpose: "signup" })]).toEqual([
      null,
      null,
    ]);
    const [first, notice] = mails;
    expect(first).toMatchObject({ from, to: [message.destination], is_tls: false, user: null });
    const [head = "", body = ""] = (first?.text ?? "").split("\r\n\r\n");
    const headers = new Map(head.split("\r\n").map((line) => line.split(/: (.*)/) as [string, string]));
    expect(Object.fromEntries(headers)).toMatchObject({
      From: from,
      To: message.destination,
      Subject: "Your one-time code",
      "Message-ID": `<${message.challenge_id}@bank.example.test>`,
      Date: "Fri, 20 Nov 2026 08:15:00 +0000",
      "Auto-Submitted": "auto-generated",
      "Content-Type": "text/plain; charset=utf-8",
    });
    expect(head).not.toContain(message.code ?? "");
    expect(body).toStartWith("482913 is your code to log in. It is good once, for 5 minutes.");
    expect(notice?.text).toContain("Subject: You have an account already");
    expect(notice?.text).toContain("wanted to use this address");
    expect(notice?.text).not.toMatch(/\d{6} is/);
  });

  test("goes over TLS from the first byte or by STARTTLS, with user and password", async () => {
    for (const tls_first of [true, false]) {
      const { port, mails } = await mailbox({ tls_first, password: "p@ss/word" });
      const url = `${tls_first ? "smtps" : "smtp"}://us%40er:p%40ss%2Fword@0.0.0.0:${port}`;
      expect(await createMail({ url, from }, { ca: certificate })(message)).toBeNull();
      expect(mails).toMatchObject([{ is_tls: true, user: "us@er" }]);
    }
  });

  test("is not sent where TLS is not offered, the certificate is nobody's, or the password is wrong", async () => {
    const cases = [
      [await mailbox({ offers_tls: false }), "smtp://0.0.0.0", { ca: certificate }],
      [await mailbox(), "smtp://0.0.0.0", {}],
      [await mailbox({ tls_first: true }), "smtps://0.0.0.0", {}],
      [await mailbox({ password: "right" }), "smtp://user:hunter2@0.0.0.0", { ca: certificate }],
    ] as const;
    const reasons: string[] = [];
    for (const [{ port, mails }, url, options] of cases) {
      const failure = await createMail({ url: `${url}:${port}`, from }, options)(message);
      reasons.push(failure?.reason ?? "");
      expect(mails).toEqual([]);
    }
    expect(reasons).toEqual(["ETLS 500", "ESOCKET", "ESOCKET", "EAUTH 535"]);
  });

  test("that is refused is told by its status, without what the server said", async () => {
    let status: number | null = 550;
    const { port, mails } = await mailbox({ offers_tls: false, refuse: () => status });
    const send = createMail({ url: `smtp://127.0.0.1:${port}`, from });
    expect(await send(message)).toEqual({ reason: "EENVELOPE 550", retry_after_ms: 0 });
    status = 451;
    expect(await send(message)).toEqual({ reason: "EENVELOPE 451", retry_after_ms: 0 });
    status = null;
    expect(await send(message)).toBeNull();
    expect(mails).toHaveLength(1);
  });

  test("to what is more, or something else, than one address reaches no server", async () => {
    const { port, mails } = await mailbox({ offers_tls: false });
    const send = createMail({ url: `smtp://127.0.0.1:${port}`, from });
    for (const destination of [
      "a@example.test, b@evil.test",
      "a@example.test\r\nBcc: b@evil.test",
      '"b@evil.test x"@example.test',
      "<b@evil.test>a@example.test",
      "a@example.test>\r\nRCPT TO:<b@evil.test",
      "a b@example.test",
      "a@example.test\n",
      "(b@evil.test)a@example.test",
    ])
      expect([destination, await send({ ...message, destination })]).toEqual([
        destination,
        { reason: "no mailbox", retry_after_ms: 0 },
      ]);
    expect(mails).toEqual([]);
  });
});

describe("a mail server", () => {
  let server: Server;
  let behave: (socket: Socket) => void = () => {};
  const sockets = new Set<Socket>();
  let url: string;
  beforeAll(async () => {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => sockets.delete(socket));
      behave(socket);
    });
    await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
    const address = server.address();
    url = `smtp://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  });
  afterAll(() => void server.close());

  test("that hangs, hangs up, talks nonsense or never ends costs the deadline, and no connection", async () => {
    const reasons: (string | undefined)[] = [];
    for (const how of [
      () => {},
      (socket: Socket) => void socket.destroy(),
      (socket: Socket) => void socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"),
      // A greeting of which there is always one more line: never idle, never done.
      (socket: Socket) => {
        const more = setInterval(() => void socket.write("220-more\r\n"), 5);
        socket.on("close", () => clearInterval(more));
      },
    ]) {
      behave = how;
      const began = performance.now();
      const failure = await createMail({ url, from }, { deadline_ms: 120 })(message);
      // Far below the timeouts that the library has by itself.
      expect(performance.now() - began).toBeLessThan(5_000);
      reasons.push(failure?.reason);
      expect(failure?.retry_after_ms).toBe(0);
    }
    expect(reasons.filter((reason) => reason === undefined || /\s.*\s/.test(reason))).toEqual([]);
    for (let rest = 0; rest < 100 && sockets.size > 0; rest += 1) await Bun.sleep(5);
    expect(sockets.size).toBe(0);
  });
});

test("a server with nothing but SMTP sends codes by e-mail, also to who has a phone, says that phones get none, and may be closed to strangers", async () => {
  const { port, mails } = await mailbox({ offers_tls: false });
  const api = await startTestApp({
    env: {
      OTP_DELIVERY: "smtp",
      OTP_WEBHOOK_URL: "",
      OTP_WEBHOOK_SECRET: "",
      SMTP_URL: `smtp://127.0.0.1:${port}`,
      SMTP_FROM: from,
      SIGNUP_ENABLED: "false",
    },
  });
  try {
    const { owner } = api.alpha.people;
    await api.sql`update core.users set phone = '+2348012345678' where id = ${owner.user_id}`;
    const body = { purpose: "login", phone: "+2348012345678" };
    const refused = await api.send("POST", "/api/v1/auth/otp", { body });
    expect(refused.headers.get("retry-after")).toBe("60");
    await expectProblem(refused, "code_delivery_unavailable");
    const stranger = { purpose: "signup", email: "stranger@example.test" };
    await expectProblem(api.send("POST", "/api/v1/auth/otp", { body: stranger }), "signup_closed");
    await expectProblem(enter(api, { ...stranger, full_name: "Ada", code: "123456" }), "signup_closed");
    const token = await api.token(owner);
    const change = api.send("POST", "/api/v1/me/contact", { token, body: { phone: "+2348012345679" } });
    await expectProblem(change, "code_delivery_unavailable");
    const to = { email: `${owner.username}@example.test` };
    await requestEntryCode(api, "login", to);
    const { challenge_id } = await requestCode(api, token);
    const codes = [await codeFor(api, "login", to), await codeOf(api, challenge_id)];
    await coreJobs(api.deps)
      .find(({ name }) => name === "deliver one-time codes")
      ?.run();
    expect(mails.map(({ to: [address] }) => address)).toEqual([to.email, to.email]);
    const arrived = mails.map(({ text }) => /(\d{6}) is your code to log in/.exec(text)?.[1]).join("");
    expect(arrived).toBe(codes[0] ?? "");
    expect(mails.some(({ text }) => text.includes(`${codes[1]} is your code to confirm`))).toBe(true);
    expect((await enter(api, { purpose: "login", ...to, code: arrived })).status).toBe(200);
    const log = api.lines.join("").replaceAll(challenge_id, "");
    for (const secret of [...codes.map((code) => ` ${code}`), "is your code", to.email])
      expect(log).not.toContain(secret);
  } finally {
    await api.stop();
  }
});
