import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { runCommandLine } from "../src/ConfigCommand.ts"

const folder = mkdtempSync(join(tmpdir(), "weir-config-"))
const at = (name: string) => join(folder, name)

const files: Readonly<Record<string, string>> = {
  "application.yaml":
    "server.port: 80\nribbon:\n  MaxConnectionsPerHost: 50\n  ConnectionManagerTimeout: 500\nzuul.host.maxTotalConnections: 5\n",
  "good.properties": "spring.cloud.gateway.httpclient.pool.type=FIXED\n",
  "other.properties":
    "spring.cloud.gateway.httpclient.pool.type=FIXED\nspring.cloud.gateway.httpclient.connect-timeout=1000\n",
  "broken.yaml": "ribbon:\n  MaxConnectionPerHost: 50\n",
  "apache.yaml": "maxConnTotal: 5\n",
  "unknown.yaml": "a: 1\n"
}

beforeAll(() => {
  for (const [name, text] of Object.entries(files)) writeFileSync(at(name), text)
})

afterAll(() => {
  rmSync(folder, { recursive: true })
})

/** What a command line prints, and its status; the folder's name is taken out. */
const run = async (...args: ReadonlyArray<string>) => {
  const [out, err]: [Array<string>, Array<string>] = [[], []]
  const keep =
    (lines: Array<string>) =>
    (...values: ReadonlyArray<unknown>) => {
      lines.push(values.map(String).join(" ").replaceAll(`${folder}/`, ""))
    }
  const recording: Console.Console = { ...console, log: keep(out), error: keep(err) }
  const status = await Effect.runPromise(
    runCommandLine(args).pipe(Effect.provideService(Console.Console, recording), Effect.provide(NodeServices.layer))
  )
  return { status, out: out.join("\n"), err: err.join("\n") }
}

describe("weir-config", () => {
  it("shows each value with the file and line it came from, what to know, and what was lost", async () => {
    const { err, out, status } = await run(at("application.yaml"))
    expect(status).toBe(0)
    expect(out).toMatch(/^Ribbon spring-cloud-netflix\n\nsetting +value +from\n/)
    expect(out).toMatch(/\npool\.connectionsPerRouteMax +50 +ribbon\.MaxConnectionsPerHost, application\.yaml line 3\n/)
    expect(out).toMatch(/\npool\.lifetime +900 s +Ribbon spring-cloud-netflix default of ribbon\.PoolKeepAliveTime\n/)
    expect(out).not.toContain("has no such setting")
    expect(out).toContain(
      "Not carried over:\n  ribbon.ConnectionManagerTimeout, application.yaml line 4: 500: Spring Cloud's Apache client never reads it"
    )
    expect(err).toBe("application.yaml: read as ribbon; it has keys of zuul too, which --from zuul reads")
  })

  it("reads it as the system that is asked for, and shows what that has no setting for too", async () => {
    const { out } = await run("--from", "zuul", "--all", at("application.yaml"))
    expect(out).toMatch(/\npool\.connectionsMax +5 +zuul\.host\.maxTotalConnections, application\.yaml line 5\n/)
    expect(out).toMatch(/\npool\.idleTimeout +never +Zuul has no such setting\n/)
  })

  it("prints the reading as JSON", async () => {
    const { out } = await run("--json", at("good.properties"))
    expect(JSON.parse(out)).toMatchObject({
      dialect: "spring-cloud-gateway",
      config: { pool: { acquireTimeout: 45_000 } }
    })
  })

  it("leaves a check with 1 if something is lost or wrong, and with 0 if nothing is", async () => {
    expect(await run("--check", at("good.properties"))).toEqual({
      status: 0,
      out: "good.properties: everything in it (spring-cloud-gateway) is carried over",
      err: ""
    })
    const lost = await run("--check", at("application.yaml"))
    expect([lost.status, lost.out]).toEqual([1, ""])
    expect(lost.err).toContain(
      "application.yaml: 1 value is not carried over\n  ribbon.ConnectionManagerTimeout, application.yaml line 4: "
    )
    const broken = await run("--check", at("broken.yaml"))
    expect(broken).toEqual({
      status: 1,
      out: "",
      err: "Ribbon: 1 problem; nothing was applied.\n  broken.yaml:2: ribbon.MaxConnectionPerHost: unknown key; did you mean ribbon.MaxConnectionsPerHost?"
    })
  })

  it("writes it in the words of another system, and tells on stderr what that loses", async () => {
    const { err, out, status } = await run("--from", "ribbon", "--to", "okhttp", at("application.yaml"))
    expect(status).toBe(0)
    expect(out).toBe("connectionPool:\n  maxIdleConnections: 2147483647\nconnectTimeout: 1000\nreadTimeout: 1000")
    expect(err).toContain("Lost on the way to OkHttp:\n  pool.connectionsMax 200 (")
    expect(err).toContain(
      "\n  pool.connectionsPerRouteMax 50 (ribbon.MaxConnectionsPerHost, application.yaml line 3): there it is unlimited\n"
    )
    expect(JSON.parse((await run("--from", "ribbon", "--to", "weir", at("application.yaml"))).out)).toMatchObject({
      pool: { connectionsPerRouteMax: 50, overrides: [] }
    })
  })

  it("shows what two files differ in, with 1 if they do", async () => {
    const differing = await run("--diff", at("good.properties"), at("other.properties"))
    expect(differing.status).toBe(1)
    expect(differing.out).toMatch(
      /\npool\.connectTimeout +\* +30 s \(.*default of connect-timeout\) +1 s \(spring\.cloud\.gateway\.httpclient\.connect-timeout, other\.properties line 2\)$/
    )
    const same = await run("--diff", at("good.properties"), at("good.properties"))
    expect(same).toEqual({ status: 0, out: "good.properties and good.properties mean the same.", err: "" })
  })

  it("leaves with 2 where the command line is wrong, and says how it is right", async () => {
    const known = "istio, envoy, ribbon"
    expect(await run(at("unknown.yaml"))).toMatchObject({
      status: 2,
      err: expect.stringContaining(`say whose it is with --from: ${known}`)
    })
    expect(await run(at("apache.yaml"))).toMatchObject({
      status: 2,
      err: expect.stringContaining("apache.yaml: it may be of apache4 or of apache5; say whose it is with --from: ")
    })
    expect(await run("--from", "istoi", at("unknown.yaml"))).toMatchObject({
      status: 2,
      err: expect.stringContaining(`--from istoi: not known; there are ${known}`)
    })
    expect(await run("--to", "x", at("good.properties"))).toMatchObject({
      status: 2,
      err: expect.stringContaining("--to x: not known; there are weir, istio")
    })
    expect(await run("--diff", at("good.properties"))).toMatchObject({
      status: 2,
      err: "expected one file, or two with --diff"
    })
    expect(await run(at("none.yaml"))).toMatchObject({
      status: 2,
      err: expect.stringContaining("none.yaml cannot be read: ")
    })
    expect(await run("--bogus", at("good.properties"))).toMatchObject({
      status: 2,
      err: expect.stringContaining("weir-config --help lists the flags")
    })
  })
})
