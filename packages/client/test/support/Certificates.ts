/**
 * Certificates for one test run, made with the openssl command in a directory that is removed at once.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export interface Certificates {
  /** The authority that signed the server's certificate, and one that signed nothing. PEM. */
  readonly ca: string
  readonly otherCa: string
  /** For 127.0.0.1 and `a.test`. */
  readonly server: { readonly cert: string; readonly key: string }
}

export const makeCertificates = (): Certificates => {
  const directory = mkdtempSync(join(tmpdir(), "weir-client-certificates-"))
  const openssl = (...args: ReadonlyArray<string>) =>
    execFileSync("openssl", args, { cwd: directory, stdio: ["ignore", "ignore", "pipe"] })
  const read = (name: string) => readFileSync(join(directory, name), "utf8")
  const newKey = (name: string) => {
    const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    return [...kind, "-keyout", `${name}.key`, "-subj", `/CN=${name}`]
  }
  try {
    for (const name of ["ca", "other"]) {
      openssl("req", "-x509", ...newKey(name), "-out", `${name}.pem`, "-addext", "basicConstraints=critical,CA:TRUE")
    }
    writeFileSync(join(directory, "extensions"), "subjectAltName=DNS:a.test,IP:127.0.0.1")
    openssl("req", "-new", ...newKey("server"), "-out", "server.csr")
    const signer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"]
    openssl("x509", "-req", "-in", "server.csr", "-extfile", "extensions", ...signer, "-out", "server.pem")
    return {
      ca: read("ca.pem"),
      otherCa: read("other.pem"),
      server: { cert: read("server.pem"), key: read("server.key") }
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
}
