/**
 * What is sent: methods, headers, and what `Request` and `init` say.
 */
import assert from "node:assert/strict"
import { echoOf, rejectsWithTypeError, type Spec } from "../Spec.ts"

const methods = "2.2.1 Methods"
const headers = "2.2.2 Headers"
const request = "5.4 Request class"
const network = "4.6 HTTP-network-or-cache fetch"

export const requestSpecs: ReadonlyArray<Spec> = [
  {
    section: methods,
    says: "puts get, post, put, delete, head and options in upper case",
    check: async ({ at, fetch }) => {
      for (const method of ["get", "pOsT", "put", "delete", "options"]) {
        assert.equal((await echoOf(fetch(at("/echo"), { method }))).method, method.toUpperCase())
      }
    }
  },
  {
    section: methods,
    says: "leaves other methods as they are written",
    check: async ({ at, fetch }) => {
      assert.equal((await echoOf(fetch(at("/echo"), { method: "PATCH", body: "x" }))).method, "PATCH")
      assert.equal((await echoOf(fetch(at("/echo"), { method: "PROPFIND" }))).method, "PROPFIND")
    }
  },
  ...["CONNECT", "TRACE", "TRACK", "connect"].map((method) => ({
    section: methods,
    says: `refuses the method ${method}`,
    check: async ({ at, fetch }: Parameters<Spec["check"]>[0]) => rejectsWithTypeError(fetch(at("/echo"), { method }))
  })),
  ...["", "a b", "GET\n", "GÉT"].map((method) => ({
    section: methods,
    says: `refuses ${JSON.stringify(method)}, which is no token, as a method`,
    check: async ({ at, fetch }: Parameters<Spec["check"]>[0]) => rejectsWithTypeError(fetch(at("/echo"), { method }))
  })),
  {
    section: headers,
    says: "takes headers as an object, as pairs and as Headers",
    check: async ({ at, fetch }) => {
      const pairs: Array<[string, string]> = [["X-A", "1"]]
      for (const given of [{ "X-A": "1" }, pairs, new Headers({ "X-A": "1" })]) {
        assert.equal((await echoOf(fetch(at("/echo"), { headers: given }))).headers["x-a"], "1")
      }
    }
  },
  {
    section: headers,
    says: "joins the values of a name that is given twice",
    check: async ({ at, fetch }) => {
      const given: Array<[string, string]> = [
        ["x-a", "1"],
        ["X-A", "2"]
      ]
      assert.equal((await echoOf(fetch(at("/echo"), { headers: given }))).headers["x-a"], "1, 2")
    }
  },
  {
    section: headers,
    says: "strips spaces and tabs around a value",
    check: async ({ at, fetch }) => {
      assert.equal((await echoOf(fetch(at("/echo"), { headers: { "x-a": " \t1 2\t " } }))).headers["x-a"], "1 2")
    }
  },
  {
    section: headers,
    says: "sends an empty value",
    check: async ({ at, fetch }) => {
      assert.equal((await echoOf(fetch(at("/echo"), { headers: { "x-a": "" } }))).headers["x-a"], "")
    }
  },
  {
    section: headers,
    says: "sends a value's characters up to U+00FF as bytes",
    check: async ({ at, fetch }) => {
      assert.equal((await echoOf(fetch(at("/echo"), { headers: { "x-a": "caf\u00e9" } }))).headers["x-a"], "caf\u00e9")
    }
  },
  ...["", "a b", "a:", "é", "a\u0000"].map((name) => ({
    section: headers,
    says: `refuses ${JSON.stringify(name)} as a header's name`,
    check: async ({ at, fetch }: Parameters<Spec["check"]>[0]) =>
      rejectsWithTypeError(fetch(at("/echo"), { headers: { [name]: "1" } }))
  })),
  ...["a\u0000", "a\nb", "a\rb", "\u0100"].map((value) => ({
    section: headers,
    says: `refuses ${JSON.stringify(value)} as a header's value`,
    check: async ({ at, fetch }: Parameters<Spec["check"]>[0]) =>
      rejectsWithTypeError(fetch(at("/echo"), { headers: { "x-a": value } }))
  })),
  {
    section: network,
    says: "accepts everything where the caller names nothing",
    check: async ({ at, fetch }) => {
      assert.equal((await echoOf(fetch(at("/echo")))).headers["accept"], "*/*")
      const own = await echoOf(fetch(at("/echo"), { headers: { accept: "text/plain" } }))
      assert.equal(own.headers["accept"], "text/plain")
    }
  },
  {
    section: network,
    says: "names itself, or what the caller names",
    check: async ({ at, fetch }) => {
      assert.ok((await echoOf(fetch(at("/echo")))).headers["user-agent"])
      const own = await echoOf(fetch(at("/echo"), { headers: { "user-agent": "mine" } }))
      assert.equal(own.headers["user-agent"], "mine")
    }
  },
  {
    section: network,
    says: "sends Content-Length: 0 with a POST or PUT that has no body, and none with GET",
    check: async ({ at, fetch }) => {
      for (const method of ["POST", "PUT"]) {
        assert.equal((await echoOf(fetch(at("/echo"), { method }))).headers["content-length"], "0")
      }
      assert.equal((await echoOf(fetch(at("/echo")))).headers["content-length"], undefined)
    }
  },
  {
    section: network,
    says: "counts a text's length in bytes",
    check: async ({ at, fetch }) => {
      const echo = await echoOf(fetch(at("/echo"), { method: "POST", body: "\u00e9\u20ac" }))
      assert.equal(echo.headers["content-length"], "5")
    }
  },
  {
    section: network,
    says: "sends no fragment to the server",
    check: async ({ at, fetch }) => {
      assert.equal((await echoOf(fetch(`${at("/echo")}?a=1#part`))).url, "/echo?a=1")
    }
  },
  {
    section: request,
    says: "refuses what is no absolute URL",
    check: async ({ fetch }) => {
      await rejectsWithTypeError(fetch("/relative"))
      await rejectsWithTypeError(fetch("http://:80/"))
    }
  },
  {
    section: request,
    says: "refuses a URL that holds a user and a password",
    check: async ({ at, fetch }) => {
      await rejectsWithTypeError(fetch(at("/echo").replace("http://", "http://user:secret@")))
    }
  },
  {
    section: request,
    says: "takes a URL object",
    check: async ({ at, fetch }) => {
      assert.equal((await echoOf(fetch(new URL(at("/echo"))))).method, "GET")
    }
  },
  {
    section: request,
    says: "takes method, headers and body from a Request",
    check: async ({ at, fetch }) => {
      const given = new Request(at("/echo"), { method: "PUT", headers: { "x-a": "1" }, body: "sent" })
      const echo = await echoOf(fetch(given))
      assert.deepEqual([echo.method, echo.headers["x-a"], echo.body], ["PUT", "1", "sent"])
    }
  },
  {
    section: request,
    says: "lets init take the place of what a Request says",
    check: async ({ at, fetch }) => {
      const given = new Request(at("/echo"), { method: "POST", headers: { "x-a": "1" }, body: "one" })
      const echo = await echoOf(fetch(given, { method: "PUT", headers: { "x-b": "2" }, body: "two" }))
      assert.deepEqual(
        [echo.method, echo.headers["x-a"], echo.headers["x-b"], echo.body],
        ["PUT", undefined, "2", "two"]
      )
    }
  },
  {
    section: request,
    says: "uses up the body of a Request",
    check: async ({ at, fetch }) => {
      const given = new Request(at("/echo"), { method: "POST", body: "once" })
      await echoOf(fetch(given))
      assert.equal(given.bodyUsed, true)
      await rejectsWithTypeError(fetch(given))
    }
  },
  ...["GET", "HEAD"].map((method) => ({
    section: request,
    says: `refuses a body with ${method}`,
    check: async ({ at, fetch }: Parameters<Spec["check"]>[0]) =>
      rejectsWithTypeError(fetch(at("/echo"), { method, body: "x" }))
  })),
  {
    section: request,
    says: "takes null for no body",
    check: async ({ at, fetch }) => {
      const echo = await echoOf(fetch(at("/echo"), { method: "POST", body: null }))
      assert.deepEqual([echo.body, echo.headers["content-type"]], ["", undefined])
    }
  },
  {
    section: "4.2 Scheme fetch",
    says: "refuses schemes that it does not speak",
    check: async ({ fetch }) => {
      for (const url of ["ftp://a.test/", "mailto:a@b.test", "unknown:x"]) await rejectsWithTypeError(fetch(url))
    }
  },
  {
    section: "4.2 Scheme fetch",
    says: "reads data: URLs",
    check: async ({ fetch }) => {
      const response = await fetch("data:text/plain,hello%20there")
      assert.deepEqual([response.headers.get("content-type"), await response.text()], ["text/plain", "hello there"])
    }
  }
]
