/**
 * What an operator tries by hand, with the program they try it with.
 */
import { createHash } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { route, serviceYaml, withGateway } from "./support/gateway.ts"
import { curl } from "./support/program.ts"
import { makeRawUpstream } from "./support/RawPeer.ts"
import { makeUpstream } from "./support/upstream.ts"

expectNothingLeft()

const host = ["-H", "Host: up.test"]

const urlAt = (port: number, path = "/"): string => `http://127.0.0.1:${port}${path}`

const hashOf = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex")

/** A file that lasts as long as the scope. */
const fileOf = (bytes: Uint8Array) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "weir-gateway-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    ),
    (folder) => {
      const path = join(folder, "body")
      writeFileSync(path, bytes)
      return path
    }
  )

/** Bytes in which nothing repeats soon. */
const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (index * 2654435761) >>> 13)

describe("curl", () => {
  it.live("gets what the endpoint answers", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream((_, response) => response.end("hello"))
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ logged, port }) {
        const { status, stdout } = yield* curl("-i", ...host, urlAt(port))
        assert.strictEqual(status, 0)
        assert.match(stdout, /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nhello$/s)
        assert.match((yield* logged(1))[0] ?? "", / 200 - 0 5 \d+ \d+ "curl\//)
      })
    })
  )

  it.live("posts 10 MB, announced by Expect: 100-continue", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream(({ body }, response) => response.end(hashOf(Buffer.from(body, "latin1"))))
      const bytes = bytesOf(10_000_000)
      const path = yield* fileOf(bytes)
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ logged, port }) {
        const { status, stdout } = yield* curl("--data-binary", `@${path}`, ...host, urlAt(port))
        assert.deepStrictEqual([status, stdout], [0, hashOf(bytes)])
        assert.strictEqual(upstream.requests[0]?.headers["content-length"], "10000000")
        assert.match((yield* logged(1))[0] ?? "", /"POST \/ HTTP\/1\.1" 200 - 10000000 64 /)
      })
    })
  )

  it.live("posts 10 MB in chunks", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream(({ body }, response) => response.end(hashOf(Buffer.from(body, "latin1"))))
      const bytes = bytesOf(10_000_000)
      const path = yield* fileOf(bytes)
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ logged, port }) {
        const { stdout } = yield* curl(
          "-T",
          path,
          "-X",
          "POST",
          "-H",
          "Transfer-Encoding: chunked",
          ...host,
          urlAt(port)
        )
        assert.strictEqual(stdout, hashOf(bytes))
        assert.match((yield* logged(1))[0] ?? "", / 200 - 10000000 64 /)
      })
    })
  )

  it.live("downloads 10 MB in chunks", () =>
    Effect.gen(function* () {
      const bytes = bytesOf(10_000_000)
      const upstream = yield* makeUpstream((_, response) => {
        for (let offset = 0; offset < bytes.length; offset += 100_000) {
          response.write(bytes.subarray(offset, offset + 100_000))
        }
        response.end()
      })
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ logged, port }) {
        const { status, stdout } = yield* curl(...host, urlAt(port))
        assert.deepStrictEqual([status, hashOf(Buffer.from(stdout, "latin1"))], [0, hashOf(bytes)])
        assert.match((yield* logged(1))[0] ?? "", / 200 - 0 10000000 /)
      })
    })
  )

  it.live("asks for a head", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream((_, response) => {
        response.setHeader("content-length", 12345)
        response.end()
      })
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ logged, port }) {
        const { status, stdout } = yield* curl("--head", ...host, urlAt(port))
        assert.strictEqual(status, 0)
        assert.match(stdout, /\r\ncontent-length: 12345\r\n/i)
        assert.match((yield* logged(1))[0] ?? "", /"HEAD \/ HTTP\/1\.1" 200 - 0 0 /)
      })
    })
  )

  it.live("sees 503 UC for an endpoint that dies before its answer, and the gateway lives", () =>
    Effect.gen(function* () {
      const upstream = yield* makeRawUpstream
      const http = [{ route, retries: { attempts: 0 } }]
      yield* withGateway(serviceYaml({ ports: [upstream.port], http }), function* ({ logged, port }) {
        const calling = yield* Effect.forkScoped(curl("-i", ...host, urlAt(port)))
        const endpoint = yield* upstream.accept
        yield* endpoint.head
        endpoint.reset()
        const { status, stdout } = yield* Fiber.join(calling)
        assert.strictEqual(status, 0)
        assert.match(stdout, /^HTTP\/1\.1 503 Service Unavailable\r\n.*x-weir-response-flag: UC\r\n/s)
        assert.match((yield* logged(1))[0] ?? "", / 503 UC /)
        const next = yield* Effect.forkScoped(curl(...host, urlAt(port)))
        const another = yield* upstream.accept
        yield* another.head
        another.answer("alive")
        assert.strictEqual((yield* Fiber.join(next)).stdout, "alive")
      })
    })
  )

  it.live("sees 502 UPE for an endpoint that answers no HTTP", () =>
    Effect.gen(function* () {
      const upstream = yield* makeRawUpstream
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ logged, port }) {
        const calling = yield* Effect.forkScoped(curl("-i", ...host, urlAt(port)))
        const endpoint = yield* upstream.accept
        yield* endpoint.head
        endpoint.send("SSH-2.0-OpenSSH_9.2\r\n\r\n")
        const { stdout } = yield* Fiber.join(calling)
        assert.match(stdout, /^HTTP\/1\.1 502 Bad Gateway\r\n.*502 UPE: upstream protocol error: /s)
        assert.match((yield* logged(1))[0] ?? "", / 502 UPE /)
      })
    })
  )

  it.live("is told that the transfer is not whole when the endpoint dies in the middle of its answer", () =>
    Effect.gen(function* () {
      const upstream = yield* makeRawUpstream
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ logged, port }) {
        const calling = yield* Effect.forkScoped(curl(...host, urlAt(port)))
        const endpoint = yield* upstream.accept
        yield* endpoint.head
        endpoint.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        endpoint.socket.end()
        const { status, stdout } = yield* Fiber.join(calling)
        // 18: the file is partial; 56: the connection ended.
        assert.include([18, 56], status)
        assert.strictEqual(stdout, "half")
        assert.match((yield* logged(1))[0] ?? "", / 200 UC 0 4 /)
      })
    })
  )

  it.live("sees 503 UF for an endpoint that is down, with the reason", () =>
    Effect.gen(function* () {
      const { port: deadPort } = yield* Effect.scoped(makeRawUpstream)
      yield* withGateway(serviceYaml({ ports: [deadPort] }), function* ({ logged, port }) {
        const { status, stdout } = yield* curl("-i", ...host, urlAt(port))
        assert.strictEqual(status, 0)
        assert.match(
          stdout,
          /^HTTP\/1\.1 503 Service Unavailable\r\n.*503 UF: upstream connect failed: .*ECONNREFUSED/s
        )
        assert.match((yield* logged(1))[0] ?? "", / 503 UF,URX .* retries=2$/)
      })
    })
  )
})
