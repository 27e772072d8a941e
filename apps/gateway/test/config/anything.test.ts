/**
 * Whatever stands in a document, the answer is a model or a report, and a report has a place for everything it says.
 */
import { describe, expect, it } from "@effect/vitest"
import { Result } from "effect"
import fc from "fast-check"
import { loadFiles } from "../../src/config/loadFiles.ts"
import { clusterOf, document, documents, modelOf, service } from "./yaml.ts"

const check = (text: string, isLenient: boolean): void => {
  const result = loadFiles([{ path: "any.yaml", text }], { isLenient })
  const findings = Result.match(result, {
    onSuccess: ({ warnings }) => warnings,
    onFailure: ({ findings, message }) => {
      expect(message).toContain("nothing was applied")
      expect(findings.some(({ weight }) => weight !== "warning")).toBe(true)
      return findings
    }
  })
  const lineCount = text.split("\n").length
  for (const { message, place } of findings) {
    expect(message).not.toBe("")
    expect(place.line).toBeGreaterThanOrEqual(1)
    expect(place.line).toBeLessThanOrEqual(lineCount)
  }
  if (Result.isSuccess(result)) {
    const { clusters, virtualHosts } = result.success.model
    const routes = virtualHosts.flatMap((virtualHost) => virtualHost.routes)
    for (const { destinations, matches } of routes) {
      expect(matches).not.toEqual([])
      expect(destinations).not.toEqual([])
      for (const { clusterId, weight } of destinations) {
        expect(clusters.has(clusterId)).toBe(true)
        expect(weight).toBeGreaterThan(0)
      }
    }
  }
}

/** Everything the three resources honour, to be damaged. */
const whole: ReadonlyArray<{ readonly kind: string; readonly spec: unknown }> = [
  {
    kind: "ServiceEntry",
    spec: {
      hosts: ["reviews"],
      resolution: "STATIC",
      ports: [{ number: 80, name: "http", protocol: "HTTP", targetPort: 8080 }],
      endpoints: [{ address: "127.0.0.1", ports: { http: 81 }, labels: { version: "v1" }, weight: 2 }]
    }
  },
  {
    kind: "DestinationRule",
    spec: {
      host: "reviews",
      trafficPolicy: {
        connectionPool: {
          tcp: { maxConnections: 1, connectTimeout: "1s", maxConnectionDuration: "1h", idleTimeout: "0s" },
          http: { http2MaxRequests: 1, h2UpgradePolicy: "DEFAULT", maxRetries: 0 }
        },
        loadBalancer: { simple: "RANDOM" },
        retryBudget: { percent: 1 },
        portLevelSettings: [{ port: { number: 80 }, connectionPool: { tcp: {} } }]
      },
      subsets: [{ name: "v1", labels: { version: "v1" }, trafficPolicy: { connectionPool: { http: {} } } }]
    }
  },
  {
    kind: "VirtualService",
    spec: {
      hosts: ["reviews"],
      http: [
        {
          name: "a",
          match: [{ uri: { prefix: "/" }, method: { exact: "GET" }, headers: { "x-a": {} }, ignoreUriCase: true }],
          route: [{ destination: { host: "reviews", subset: "v1", port: { number: 80 } }, weight: 1 }],
          timeout: "1s",
          retries: { attempts: 1, perTryTimeout: "1s", retryOn: "5xx,503" },
          rewrite: { uri: "/a", authority: "b" }
        }
      ]
    }
  }
]

/** The value with its n-th node, counted depth first, replaced. */
const replaceNode = (value: unknown, index: number, replacement: unknown): unknown => {
  let countdown = index
  const visit = (node: unknown): unknown => {
    if (countdown-- === 0) return replacement
    if (Array.isArray(node)) return node.map(visit)
    if (typeof node !== "object" || node === null) return node
    return Object.fromEntries(Object.entries(node).map(([key, child]) => [key, visit(child)]))
  }
  return visit(value)
}

describe("any configuration at all", () => {
  it("is undamaged to begin with", () => {
    const model = modelOf(documents(...whole.map(({ kind, spec }) => document(kind, "whole", spec))))
    expect(clusterOf(model, "80|v1|reviews.default.svc.cluster.local").endpoints).toHaveLength(1)
  })

  it("with one value replaced by any other gives a model or a report", () => {
    const scalar = fc.constantFrom<unknown>(null, true, 0, -1, 0.5, 4e9, "", "x", "*", "1s", "-1s", "__proto__", [], {})
    const replacement = fc.oneof(scalar, fc.dictionary(fc.constantFrom("__proto__", "constructor", "a"), scalar))
    fc.assert(
      fc.property(fc.nat(2), fc.nat(60), replacement, fc.boolean(), (damaged, index, value, isLenient) => {
        const texts = whole.map(({ kind, spec }, position) =>
          document(kind, "whole", position === damaged ? replaceNode(spec, index, value) : spec)
        )
        check(documents(...texts), isLenient)
      }),
      { numRuns: 400 }
    )
  })

  it("of any YAML value gives a report", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.boolean(), (value, isLenient) => {
        check(documents(JSON.stringify(value), service("reviews")), isLenient)
      })
    )
  })

  it("of any text gives a model or a report", () => {
    const piece = fc.constantFrom(
      ..."\n:-{}[]&*!|>'\"%@#?, \tabk".split(""),
      "kind: ",
      "spec:\n  ",
      "---\n",
      "<<: *a",
      "&a "
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => check(pieces.join(""), false)),
      { numRuns: 300 }
    )
  })
})
