/**
 * The examples that do their work and end, each as a process of its own.
 */
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:https"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TLSSocket } from "node:tls"
import { describe, expect, it } from "vitest"
import { makeCertificates } from "../conformance/Certificates.ts"
import { portOf } from "../support/Listening.ts"
import { Running } from "./Running.ts"
import { Upstream } from "./Upstream.ts"

describe("the example of", () => {
  it("a Deno script makes a hundred calls over ten connections", async () => {
    await using upstream = await Upstream.start()
    await using script = new Running("deno", "examples/deno-script.ts", upstream.url)
    expect(await script.output()).toMatch(/^hello 127\.0\.0\.1:\d+ 10\n$/)
    expect(upstream.connectionCount).toBe(10)
  })

  it("limits per host keeps a weak upstream at two connections, and says who refused the rest", async () => {
    await using strong = await Upstream.start()
    await using weak = await Upstream.start()
    await using script = new Running("node", "examples/per-host-limits.ts", strong.url, weak.url)
    const output = await script.output()
    expect(output).toContain(`${strong.url} answered 10 of 10`)
    expect(output).toContain(`${weak.url} answered 7 of 10`)
    expect(output.match(/pendingPerRouteMax 5, from override http:\/\/127/g)).toHaveLength(3)
    expect(weak.connectionCount).toBe(2)
  })

  it("a retry policy calls again after answers that never came, and gets one", async () => {
    let callCount = 0
    await using upstream = await Upstream.start((request, response) => {
      if (++callCount < 4) request.socket.destroy()
      else response.end("at last")
    })
    await using script = new Running("node", "examples/retry-policy.ts", upstream.url)
    expect(await script.output()).toBe("at last\n")
  })

  it("interceptors signs a request, times it, and answers the next from its cache", async () => {
    const signatures: Array<unknown> = []
    await using upstream = await Upstream.start((request, response) => {
      signatures.push(request.headers["x-signature"])
      response.end("hello")
    })
    await using script = new Running("node", "examples/interceptors.ts", upstream.url)
    expect(await script.output()).toBe("dialled, tcpMillis\nserver hello\ncache hello\n")
    expect(signatures).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)])
  })

  it("adapters makes calls in three ways over one connection", async () => {
    await using upstream = await Upstream.start((_, response) => response.end("hello"))
    await using script = new Running("node", "examples/adapters.ts", upstream.url)
    expect(await script.output()).toBe("hello hello hello 1\n")
    expect(upstream.connectionCount).toBe(1)
  })

  it("mutual TLS shows the client's certificate to a server of the house's own CA", async () => {
    const { ca, client, server } = makeCertificates()
    const directory = mkdtempSync(join(tmpdir(), "weir-example-"))
    const write = (name: string, text: string): string => {
      writeFileSync(join(directory, name), text)
      return join(directory, name)
    }
    const options = { ca, cert: server.chain, key: server.key, requestCert: true, rejectUnauthorized: true }
    const isTls = (socket: object): socket is TLSSocket => "getPeerCertificate" in socket
    const upstream = createServer(options, ({ socket }, response) => {
      response.end(isTls(socket) ? `hello ${socket.getPeerCertificate().subject.CN}` : "no TLS")
    }).listen(0, "127.0.0.1")
    await once(upstream, "listening")
    const files = [write("ca.pem", ca), write("client.pem", client.chain), write("client.key", client.key)]
    await using script = new Running(
      "node",
      "examples/mutual-tls.ts",
      `https://127.0.0.1:${portOf(upstream)}/`,
      ...files
    )
    expect(await script.output()).toBe("hello client\n")
    upstream.close()
    rmSync(directory, { recursive: true })
  })

  it("a proxy sends plain calls to it by their whole URI, and says why it opens no tunnel", async () => {
    await using proxy = await Upstream.start((request, response) => response.end(`forwarded ${request.url}`))
    const { origin } = new URL(proxy.url)
    await using plain = new Running("node", "examples/proxy.ts", "http://a.test/path", origin)
    expect(await plain.output()).toBe("200 forwarded http://a.test/path\n")
    await using secure = new Running("node", "examples/proxy.ts", "https://a.test/", origin)
    expect(await secure.output()).toMatch(/^WEIR_CONNECT_FAILED .* in phase proxy: a\.test:443 via http:/)
  })
})
