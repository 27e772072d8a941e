/**
 * A server that wants a certificate from its callers, and whose own is signed by a CA of the house:
 * `node mutual-tls.ts URL ca.pem client.pem client.key`.
 */
import { readFileSync } from "node:fs"
import { createClient } from "@weir/fetch"

const [url = "https://127.0.0.1:8443/", ca = "ca.pem", chain = "client.pem", key = "client.key"] = process.argv.slice(2)
const read = (path: string) => readFileSync(path, "utf8")

await using client = createClient({
  tls: { ca: [read(ca)], certificate: { chain: read(chain), key: read(key) }, minVersion: "TLSv1.3" }
})
console.log(await (await client.request(url)).text())
