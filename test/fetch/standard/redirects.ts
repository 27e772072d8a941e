/**
 * Redirects: which are followed, with which method, headers and body.
 */
import assert from "node:assert/strict"
import { echoOf, rejectsWithTypeError, type Spec, startPeer } from "../Spec.ts"

const section = "4.4 HTTP-redirect fetch"

const streamed = (text: string): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start: (controller) => {
      controller.enqueue(new TextEncoder().encode(text))
      controller.close()
    }
  })

export const redirectSpecs: ReadonlyArray<Spec> = [
  ...[301, 302, 303, 307, 308].map((status) => ({
    section,
    says: `follows ${status} to its location, and tells where the answer came from`,
    check: async ({ at, fetch }: Parameters<Spec["check"]>[0]) => {
      const response = await fetch(at("/redirect", { status: `${status}`, location: "/echo?end" }))
      assert.deepEqual([response.redirected, response.url], [true, `${at("/echo")}?end`])
      await response.text()
    }
  })),
  ...[
    [301, "POST", "GET"],
    [302, "POST", "GET"],
    [303, "POST", "GET"],
    [303, "PUT", "GET"],
    [303, "DELETE", "GET"],
    [301, "PUT", "PUT"],
    [302, "DELETE", "DELETE"],
    [307, "POST", "POST"],
    [308, "PUT", "PUT"]
  ].map(([status, from, to]) => ({
    section,
    says: `makes ${from} ${from === to ? "again" : `a ${to}`} after ${status}`,
    check: async ({ at, fetch }: Parameters<Spec["check"]>[0]) => {
      const url = at("/redirect", { status: `${status}`, location: "/echo" })
      const echo = await echoOf(fetch(url, { method: `${from}`, body: "sent" }))
      assert.deepEqual([echo.method, echo.body], [to, to === "GET" ? "" : "sent"])
    }
  })),
  {
    section,
    says: "leaves HEAD what it is after 303",
    check: async ({ at, fetch }) => {
      const response = await fetch(at("/redirect", { status: "303", location: "/echo" }), { method: "HEAD" })
      assert.deepEqual([response.status, response.body], [200, null])
    }
  },
  {
    section,
    says: "drops the headers that spoke of the body with the body",
    check: async ({ at, fetch }) => {
      const headers = { "content-type": "text/x-own", "content-language": "de", "x-a": "1" }
      const url = at("/redirect", { status: "302", location: "/echo" })
      const echo = await echoOf(fetch(url, { method: "POST", body: "x", headers }))
      const { "content-language": language, "content-length": length, "content-type": type, "x-a": own } = echo.headers
      assert.deepEqual([type, language, length, own], [undefined, undefined, undefined, "1"])
    }
  },
  {
    section,
    says: "drops Authorization on the way to another origin, and keeps it within one",
    check: async ({ at, fetch }) => {
      await using other = await startPeer()
      const headers = { authorization: "secret", "x-a": "1" }
      const within = await echoOf(fetch(at("/redirect", { location: "/echo" }), { headers }))
      assert.equal(within.headers["authorization"], "secret")
      const across = await echoOf(fetch(at("/redirect", { location: other.at("/echo") }), { headers }))
      assert.deepEqual([across.headers["authorization"], across.headers["x-a"]], [undefined, "1"])
    }
  },
  {
    section,
    says: "gives a redirect without a location as it is",
    check: async ({ at, fetch }) => {
      const response = await fetch(at("/redirect", { status: "302" }))
      assert.deepEqual([response.status, response.redirected, await response.text()], [302, false, "moved"])
    }
  },
  {
    section,
    says: "gives 300 and 304 as they are",
    check: async ({ at, fetch }) => {
      for (const status of [300, 304]) {
        const url = at("/answer", { status: `${status}`, header: "location: /echo" })
        assert.equal((await fetch(url)).status, status)
      }
    }
  },
  {
    section,
    says: "fails where the location is no URL, or leads away from HTTP",
    check: async ({ at, fetch }) => {
      for (const location of ["http://:80/", "data:,x", "ftp://a.test/"]) {
        await rejectsWithTypeError(fetch(at("/redirect", { location })))
      }
    }
  },
  {
    section,
    says: "follows twenty redirects and no more",
    check: async ({ at, fetch }) => {
      assert.equal(await (await fetch(at("/hops", { count: "20" }))).text(), "arrived")
      await rejectsWithTypeError(fetch(at("/hops", { count: "21" })))
    }
  },
  {
    section,
    says: "reads a location relative to the URL that redirects",
    check: async ({ at, fetch }) => {
      const response = await fetch(at("/redirect", { location: "?status=200" }))
      assert.equal(response.url, `${at("/redirect")}?status=200`)
    }
  },
  {
    section,
    says: "keeps the fragment to itself",
    check: async ({ at, fetch }) => {
      const response = await fetch(`${at("/redirect", { location: "/echo#there" })}#here`)
      assert.equal(response.url, at("/echo"))
    }
  },
  {
    section,
    says: "fails where a stream would have to be sent again",
    check: async ({ at, fetch }) => {
      const init: RequestInit & { readonly duplex: "half" } = { method: "POST", body: streamed("x"), duplex: "half" }
      await rejectsWithTypeError(fetch(at("/redirect", { status: "307", location: "/echo" }), init))
    }
  },
  {
    section,
    says: "follows 303 though a stream was sent",
    check: async ({ at, fetch }) => {
      const init: RequestInit & { readonly duplex: "half" } = { method: "POST", body: streamed("x"), duplex: "half" }
      const echo = await echoOf(fetch(at("/redirect", { status: "303", location: "/echo" }), init))
      assert.equal(echo.method, "GET")
    }
  },
  {
    section,
    says: "fails on a redirect in mode error",
    check: async ({ at, fetch }) =>
      rejectsWithTypeError(fetch(at("/redirect", { location: "/echo" }), { redirect: "error" }))
  },
  {
    section,
    says: "hides a redirect in mode manual",
    check: async ({ at, fetch }) => {
      const response = await fetch(at("/redirect", { location: "/echo" }), { redirect: "manual" })
      assert.deepEqual([response.type, response.status], ["opaqueredirect", 0])
    }
  },
  {
    section,
    says: "follows as a Request says",
    check: async ({ at, fetch }) =>
      rejectsWithTypeError(fetch(new Request(at("/redirect", { location: "/echo" }), { redirect: "error" })))
  }
]
