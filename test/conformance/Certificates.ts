/**
 * Certificates for one test run, made with the openssl command in a directory that is removed at once: a CA, what it
 * signed, and a CA that nobody trusts.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** PEM text. */
export interface Identity {
  readonly chain: string
  readonly key: string
}

export interface Certificates {
  readonly ca: string
  readonly otherCa: string
  /** For `localhost` and 127.0.0.1. */
  readonly server: Identity
  /** As `server`, but its time is over. */
  readonly expired: Identity
  readonly client: Identity
}

export const makeCertificates = (): Certificates => {
  const directory = mkdtempSync(join(tmpdir(), "weir-certificates-"))
  const openssl = (...args: ReadonlyArray<string>) =>
    execFileSync("openssl", args, { cwd: directory, stdio: ["ignore", "ignore", "pipe"] })
  const read = (name: string) => readFileSync(join(directory, name), "utf8")
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

  const makeCa = (name: string): string => {
    const extensions = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"]
    openssl(
      "req",
      "-x509",
      ...newKey,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.pem`,
      "-subj",
      `/CN=${name}`,
      ...extensions
    )
    return read(`${name}.pem`)
  }
  const sign = (name: string, days: number, extensions: string): Identity => {
    writeFileSync(join(directory, `${name}.ext`), `basicConstraints=critical,CA:FALSE\n${extensions}`)
    openssl("req", "-new", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`)
    const signer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
    const request = ["-in", `${name}.csr`, "-extfile", `${name}.ext`, "-days", String(days)]
    openssl("x509", "-req", ...request, ...signer, "-out", `${name}.pem`)
    return { chain: read(`${name}.pem`), key: read(`${name}.key`) }
  }

  try {
    const names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    return {
      ca: makeCa("ca"),
      otherCa: makeCa("other-ca"),
      server: sign("server", 30, names),
      expired: sign("expired", -1, names),
      client: sign("client", 30, "extendedKeyUsage=clientAuth")
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
}
