/**
 * Which proxy an environment names for an origin.
 */
import { assert, describe, it } from "@effect/vitest"
import { formatProxy } from "@weir/transport"
import { ConfigProvider, Effect } from "effect"
import { type Environment, environmentProxies, readEnvironment } from "../src/EnvironmentProxies.ts"
import { parseProxy } from "../src/ProxySettings.ts"

const choose = (environment: Environment, origin: string): string => {
  const proxies = environmentProxies(environment, parseProxy)
  if (typeof proxies !== "function") return proxies.join("; ")
  const url = new URL(origin)
  const isSecure = url.protocol === "https:"
  const port = url.port === "" ? (isSecure ? 443 : 80) : Number(url.port)
  const proxy = proxies(isSecure, url.hostname.replace(/^\[|\]$/g, ""), port)
  return proxy === "direct" ? proxy : formatProxy(proxy)
}

describe("the variables", () => {
  it.each<readonly [string, Environment, string, string]>([
    ["nothing", {}, "http://a.test", "direct"],
    ["HTTP_PROXY for http", { HTTP_PROXY: "http://p:1" }, "http://a.test", "http://p:1"],
    ["not HTTP_PROXY for https", { HTTP_PROXY: "http://p:1" }, "https://a.test", "direct"],
    ["HTTPS_PROXY for https", { HTTPS_PROXY: "http://p:1" }, "https://a.test", "http://p:1"],
    ["not HTTPS_PROXY for http", { HTTPS_PROXY: "http://p:1" }, "http://a.test", "direct"],
    ["ALL_PROXY for both", { ALL_PROXY: "socks5h://p" }, "http://a.test", "socks5h://p:1080"],
    ["a scheme's own before ALL_PROXY", { ALL_PROXY: "socks5://p", HTTP_PROXY: "q" }, "http://a.test", "http://q:80"],
    ["lower case before upper case", { http_proxy: "p:1", HTTP_PROXY: "q:1" }, "http://a.test", "http://p:1"],
    ["upper case where lower case is empty", { http_proxy: "", HTTP_PROXY: "q:1" }, "http://a.test", "http://q:1"],
    ["a value without a scheme", { HTTPS_PROXY: "p:3128" }, "https://a.test", "http://p:3128"],
    ["not HTTP_PROXY of a CGI program", { REQUEST_METHOD: "GET", HTTP_PROXY: "p" }, "http://a.test", "direct"],
    ["http_proxy of a CGI program", { REQUEST_METHOD: "GET", http_proxy: "p" }, "http://a.test", "http://p:80"],
    ["HTTPS_PROXY of a CGI program", { REQUEST_METHOD: "GET", HTTPS_PROXY: "p" }, "https://a.test", "http://p:80"]
  ])("say %s", (_, environment, origin, proxy) => {
    assert.strictEqual(choose(environment, origin), proxy)
  })

  it("that cannot be used are all named, without their values", () => {
    const environment = { HTTP_PROXY: "gopher://ann:secret@p", ALL_PROXY: "http://ann:secret@p/path" }
    const problems = choose(environment, "http://a.test")
    assert.match(problems, /ALL_PROXY: .*; HTTP_PROXY: the scheme gopher is none of/)
    assert.notInclude(problems, "secret")
  })

  it.effect("come from the provider of configuration", () =>
    Effect.gen(function* () {
      const env = { HTTP_PROXY: "p:1", no_proxy: "a.test", OTHER: "x" }
      const environment = yield* Effect.provideService(
        readEnvironment,
        ConfigProvider.ConfigProvider,
        ConfigProvider.fromEnv({ env })
      )
      assert.strictEqual(choose(environment, "http://b.test"), "http://p:1")
      assert.strictEqual(choose(environment, "http://a.test"), "direct")
    })
  )
})

describe("NO_PROXY", () => {
  it.each<readonly [string, string, boolean]>([
    ["*", "http://a.test", true],
    ["a.test", "http://a.test", true],
    ["a.test", "http://A.TEST.", true],
    ["A.test.", "http://a.test", true],
    ["a.test", "http://x.a.test", true],
    ["a.test", "http://xa.test", false],
    [".a.test", "http://x.a.test", true],
    [".a.test", "http://a.test", false],
    ["*.a.test", "http://x.y.a.test", true],
    ["*.a.test", "http://a.test", false],
    ["b.test, a.test", "http://a.test", true],
    [" , a.test ,", "http://a.test", true],
    ["", "http://a.test", false],
    ["a.test:8080", "http://a.test:8080", true],
    ["a.test:8080", "http://a.test", false],
    ["a.test:443", "https://a.test", true],
    [".a.test:80", "http://x.a.test", true],
    ["10.1.2.3", "http://10.1.2.3", true],
    ["10.1.2.3", "http://10.1.2.4", false],
    ["10.1.2.3:80", "http://10.1.2.3:81", false],
    ["2001:db8::1", "http://[2001:db8:0::1]", true],
    ["[2001:db8::1]:80", "http://[2001:db8::1]", true],
    ["[2001:db8::1]:81", "http://[2001:db8::1]", false],
    ["10.0.0.0/8", "http://10.200.1.1", true],
    ["10.9.9.9/8", "http://10.200.1.1", true],
    ["10.0.0.0/8", "http://11.0.0.1", false],
    ["2001:db8::/32", "http://[2001:db8:ffff::1]", true],
    ["2001:db8::/32", "http://[2001:db9::1]", false],
    ["10.0.0.0/33", "http://10.0.0.1", false],
    ["10.0.0.0/", "http://10.0.0.1", false],
    ["0.1", "http://10.0.0.1", false],
    ["192.168.*", "http://192.168.0.1", false]
  ])("%j and %s: direct is %s", (exceptions, origin, isDirect) => {
    const proxy = choose({ http_proxy: "p:1", https_proxy: "p:1", no_proxy: exceptions }, origin)
    assert.strictEqual(proxy, isDirect ? "direct" : "http://p:1")
  })

  it.each(["http://localhost", "http://x.localhost:81", "http://127.0.0.1", "http://127.9.9.9", "http://[::1]"])(
    "is not needed for %s",
    (origin) => {
      assert.strictEqual(choose({ http_proxy: "p:1" }, origin), "direct")
    }
  )
})
