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
  /** The certificate, and after it those that were asked for, in the order in which a server sends them. */
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
  /** As `server`, but signed by itself. */
  readonly selfSigned: Identity
  /** As `server`, with two authorities between the CA and it: a chain that is whole. */
  readonly chained: Identity
  /** As `chained`, the two authorities in the wrong order. */
  readonly disordered: Identity
  /** As `chained`, without the authorities, so that nobody can tell where it comes from. */
  readonly incomplete: Identity
}

export const makeCertificates = (): Certificates => {
  const directory = mkdtempSync(join(tmpdir(), "weir-certificates-"))
  const openssl = (...args: ReadonlyArray<string>) =>
    execFileSync("openssl", args, { cwd: directory, stdio: ["ignore", "ignore", "pipe"] })
  const read = (name: string) => readFileSync(join(directory, name), "utf8")
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

  const identity = (name: string): Identity => ({ chain: read(`${name}.pem`), key: read(`${name}.key`) })
  const signItself = (name: string, extensions: ReadonlyArray<string>): Identity => {
    const files = ["-keyout", `${name}.key`, "-out", `${name}.pem`]
    const added = extensions.flatMap((extension) => ["-addext", extension])
    openssl("req", "-x509", ...newKey, ...files, "-subj", `/CN=${name}`, ...added)
    return identity(name)
  }
  const authority = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"]
  const sign = (name: string, days: number, extensions: ReadonlyArray<string>, signer = "ca"): Identity => {
    writeFileSync(join(directory, `${name}.ext`), extensions.join("\n"))
    openssl("req", "-new", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`)
    const signing = ["-CA", `${signer}.pem`, "-CAkey", `${signer}.key`, "-CAcreateserial"]
    const request = ["-in", `${name}.csr`, "-extfile", `${name}.ext`, "-days", String(days)]
    openssl("x509", "-req", ...request, ...signing, "-out", `${name}.pem`)
    return identity(name)
  }

  try {
    const leaf = "basicConstraints=critical,CA:FALSE"
    const named = [leaf, "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    const ca = signItself("ca", authority).chain
    const outer = sign("outer", 30, authority).chain
    const inner = sign("inner", 30, authority, "outer").chain
    const incomplete = sign("chained", 30, named, "inner")
    return {
      ca,
      otherCa: signItself("other-ca", authority).chain,
      server: sign("server", 30, named),
      expired: sign("expired", -1, named),
      client: sign("client", 30, [leaf, "extendedKeyUsage=clientAuth"]),
      selfSigned: signItself("self-signed", named),
      chained: { ...incomplete, chain: incomplete.chain + inner + outer },
      disordered: { ...incomplete, chain: incomplete.chain + outer + inner },
      incomplete
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
}
