import { SMTPServer, type SMTPServerSession } from "smtp-server";

/** Signed by itself, until 2120, for 0.0.0.0, 127.0.0.1 and localhost. */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBfDCCASOgAwIBAgIBATAKBggqhkjOPQQDAjAcMRowGAYDVQQDDBFtYWlsLmV4
YW1wbGUudGVzdDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowHDEa
MBgGA1UEAwwRbWFpbC5leGFtcGxlLnRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMB
BwNCAASMe13WUv1WUAejRTu7f3SH8HTq4j5n/5e8syMGP+URpBvVCWhLZilIMshm
kbmI7t0ZWPImd1HLT0AkrptLpkYZo1QwUjAgBgNVHREEGTAXhwQAAAAAgglsb2Nh
bGhvc3SHBH8AAAEwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQUwHHnvEIS8Tu+
w+DxyY4LZ0Xwj0UwCgYIKoZIzj0EAwIDRwAwRAIgRlO0LeQi8foAydS9QW9yeqvf
JW2okYKwI4aJGmYvF90CIG2wcvNggw5FS5z7SZneBCUMaVzIaIZVsMt11Eg7KP2l
-----END CERTIFICATE-----`;
/** It opens nothing but the mailbox below. */
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQUttusuLUO74Z4hs
uK2spRs3yR+tqXSOONVRLaeHV/ChRANCAASMe13WUv1WUAejRTu7f3SH8HTq4j5n
/5e8syMGP+URpBvVCWhLZilIMshmkbmI7t0ZWPImd1HLT0AkrptLpkYZ
-----END PRIVATE KEY-----`;

/** A mail as the server took it. */
export type Mail = Readonly<{
  from: string;
  to: readonly string[];
  is_tls: boolean;
  user: string | null;
  text: string;
}>;

/** A real mail server on a port of its own. */
export type Mailbox = Readonly<{ port: number; mails: Mail[]; stop(): Promise<void> }>;

/** `refuse`: what it says to recipients, as a status, in place of taking them. */
export async function startMailbox(
  options: {
    tls_first?: boolean;
    offers_tls?: boolean;
    password?: string;
    refuse?: () => number | null;
  } = {},
): Promise<Mailbox> {
  const { tls_first = false, offers_tls = true, password = null, refuse = () => null } = options;
  const mails: Mail[] = [];
  const hidden = [...(offers_tls ? [] : ["STARTTLS"]), ...(password === null ? ["AUTH"] : [])];
  const server = new SMTPServer({
    secure: tls_first,
    key,
    cert: certificate,
    disabledCommands: hidden,
    authOptional: password === null,
    allowInsecureAuth: !offers_tls,
    disableReverseLookup: true,
    onAuth: ({ username, password: given }, _session, answer) =>
      given === password ? answer(null, { user: username }) : answer(new Error("wrong password")),
    onRcptTo(_address, _session, answer) {
      const responseCode = refuse();
      answer(responseCode === null ? null : Object.assign(new Error("refused"), { responseCode }));
    },
    onData(stream, session, answer) {
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => void parts.push(part));
      stream.on("end", () => {
        mails.push(mailOf(session, Buffer.concat(parts).toString()));
        answer(null);
      });
    },
  });
  // Who does not trust the certificate hangs up.
  server.on("error", () => {});
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", () => ready()));
  const address = server.server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    mails,
    stop: () => new Promise<void>((done) => server.close(done)),
  };
}

function mailOf({ envelope, secure, user }: SMTPServerSession, text: string): Mail {
  const { mailFrom, rcptTo } = envelope;
  return {
    from: mailFrom === false ? "" : mailFrom.address,
    to: rcptTo.map(({ address }) => address),
    is_tls: secure,
    user: user === undefined ? null : String(user),
    text,
  };
}
