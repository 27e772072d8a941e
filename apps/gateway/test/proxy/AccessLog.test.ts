import { assert, describe, it } from "@effect/vitest"
import { type AccessRecord, formatAccess } from "../../src/proxy/AccessLog.ts"

const record: AccessRecord = {
  startedAtMillis: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  method: "POST",
  path: "/a?b",
  protocol: "HTTP/1.1",
  status: 200,
  flags: new Set(),
  receivedByteCount: 10,
  sentByteCount: 20,
  durationMillis: 12.6,
  upstreamMillis: 11.4,
  userAgent: "curl/8",
  authority: "up.test:8080",
  upstream: "127.0.0.1:9000",
  cluster: "outbound|80||up.test",
  retryCount: 1
}

describe("a line of the access log", () => {
  it("has Envoy's fields in Envoy's order, then the cluster and the retries", () => {
    assert.strictEqual(
      formatAccess(record),
      '[2026-01-02T03:04:05.678Z] "POST /a?b HTTP/1.1" 200 - 10 20 13 11 "curl/8" "up.test:8080" "127.0.0.1:9000" outbound|80||up.test retries=1'
    )
  })

  it("has a dash for what there is not", () => {
    const { authority, cluster, upstream, upstreamMillis, userAgent, ...rest } = record
    const nothing = {
      authority: undefined,
      cluster: undefined,
      upstream: undefined,
      upstreamMillis: undefined,
      userAgent: undefined
    }
    assert.strictEqual(
      formatAccess({ ...rest, ...nothing, retryCount: 0 }),
      '[2026-01-02T03:04:05.678Z] "POST /a?b HTTP/1.1" 200 - 10 20 13 - "-" "-" "-" - retries=0'
    )
    assert.isDefined([authority, cluster, upstream, upstreamMillis, userAgent])
  })

  it("lists flags in Envoy's order, whatever came first", () => {
    assert.match(formatAccess({ ...record, flags: new Set(["URX", "UF"]) }), / 200 UF,URX 10 /)
    assert.match(formatAccess({ ...record, flags: new Set(["DC", "UO", "UT"]) }), / 200 UT,UO,DC 10 /)
  })

  it("cannot be forged by what a caller sends", () => {
    const line = formatAccess({ ...record, path: '/" 200 - 0', userAgent: 'a"\n[2026] "GET', authority: "\\" })
    assert.notInclude(line, "\n")
    assert.match(line, /"POST \/\\" 200 - 0 HTTP\/1\.1" 200 - 10 20 13 11 "a\\"\\n\[2026\] \\"GET" "\\\\" /)
  })
})
