import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeTestServer } from "./TestServer.ts"

const mainPath = fileURLToPath(new URL("../src/main.ts", import.meta.url))

interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the command line in a process of its own, its output in pipes. */
const run = (args: ReadonlyArray<string>, onStarted: (child: ChildProcess) => void = () => undefined) =>
  Effect.callback<Ended>((resume) => {
    const child = spawn(process.execPath, [mainPath, ...args])
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text
    })
    child.on("close", (status) => resume(Effect.succeed({ status, stdout, stderr })))
    onStarted(child)
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("the command line", () => {
  it.live("takes fortio's flags as its users type them, and prints its summary", () =>
    Effect.gen(function* () {
      const headers: Array<string | undefined> = []
      const server = yield* makeTestServer((request, response, number) => {
        headers.push(`${request.headers.host} ${request.headers["x-a"]}`)
        response.statusCode = number === 20 ? 503 : 200
        response.end("hello")
      })
      const { status, stderr, stdout } = yield* run([
        "-c",
        "2",
        "-qps",
        "0",
        "-n",
        "20",
        "-loglevel",
        "warning",
        "-H",
        "Host: b.test",
        "-H",
        "x-a:1",
        server.url
      ])
      assert.strictEqual(status, 0)
      assert.match(stdout, /^Ended after [\d.]+s : 20 calls\. qps=[\d.]+$/m)
      assert.match(
        stdout,
        /^Aggregated Function Time : count 20 avg [\d.e-]+ \+\/- [\d.e-]+ min [\d.e-]+ max [\d.e-]+ sum [\d.e-]+$/m
      )
      for (const percentile of ["50", "75", "90", "99", "99.9"]) {
        assert.match(stdout, new RegExp(`^# target ${percentile}% [\\d.e-]+$`, "m"))
      }
      assert.match(stdout, /^Sockets used: [23] \(for perfect keepalive, would be 2\)$/m)
      assert.match(stdout, /^Code 200 : 19 \(95\.0 %\)$/m)
      assert.match(stdout, /^Code 503 : 1 \(5\.0 %\)$/m)
      assert.match(stdout, /^All done 20 calls \(plus 0 warmup\) [\d.]+ ms avg, [\d.]+ qps$/m)
      assert.deepStrictEqual(new Set(headers), new Set(["b.test 1"]))
      // In a pipe there is no bar: lines only, no control characters.
      assert.strictEqual(
        stderr,
        `Starting at max qps with 2 caller(s) for exactly 20 calls: ${server.url}\nW an answer with code 503; more of them are only counted\n`
      )
    })
  )

  it.live("prints nothing but the report on stdout with --json", () =>
    Effect.gen(function* () {
      const server = yield* makeTestServer((_request, response, number) => {
        response.statusCode = number === 4 ? 503 : 200
        response.end("hello")
      })
      const { status, stderr, stdout } = yield* run([
        "-c",
        "2",
        "-n",
        "4",
        "-qps",
        "max",
        "-loglevel",
        "Error",
        "--json",
        server.url
      ])
      assert.strictEqual(status, 0)
      // A warning of the 503 is below the level asked for.
      assert.strictEqual(stderr, "")
      const report = JSON.parse(stdout)
      assert.strictEqual(report.url, server.url)
      assert.deepStrictEqual(report.codes, { "200": 3, "503": 1 })
      assert.strictEqual(report.requests, 4)
      assert.strictEqual(report.socketsUsed, 2)
      assert.strictEqual(report.bytesReceived, 20)
      assert.deepStrictEqual(report.errors, {})
      assert.deepStrictEqual(Object.keys(report.latencyMillis).sort(), [
        "avg",
        "max",
        "min",
        "p50",
        "p75",
        "p90",
        "p99",
        "p99_9",
        "stdDev"
      ])
    })
  )

  it.live("ends with its summary at Ctrl-C", () =>
    Effect.gen(function* () {
      let child: ChildProcess | undefined
      const server = yield* makeTestServer((_request, response, number) => {
        response.end("hello")
        if (number === 50) child?.kill("SIGINT")
      })
      const { status, stdout } = yield* run(["-t", "0", "-qps", "0", server.url], (started) => {
        child = started
      })
      assert.strictEqual(status, 0)
      const [, count] = /^All done (\d+) calls/m.exec(stdout) ?? []
      assert.isAtLeast(Number(count), 50)
      assert.strictEqual(Number(count), server.requestCount())
    })
  )

  it.live("exits with 2 and one clear line for wrong flags, and prints nothing on stdout", () =>
    Effect.gen(function* () {
      for (const [args, said] of [
        [["-qps", "many", "http://127.0.0.1:1"], '--qps: "many"'],
        [["-t", "5", "http://127.0.0.1:1"], '--duration: "5"'],
        [["-c", "0", "http://127.0.0.1:1"], "concurrency is 0"],
        [["-n", "x", "http://127.0.0.1:1"], "--calls"],
        [["-H", "nonsense", "http://127.0.0.1:1"], '--header: "nonsense"'],
        [["-loglevel", "Loud", "http://127.0.0.1:1"], "Loud"],
        [["--uniform", "http://127.0.0.1:1"], "--uniform"],
        [["-n", "1", "ftp://127.0.0.1"], "ftp:"],
        [["-n", "1"], "url"]
      ] as const) {
        const { status, stderr, stdout } = yield* run(args)
        assert.strictEqual(status, 2, stderr)
        assert.include(stderr, said)
        assert.match(stderr, /^weir-load: /)
        assert.strictEqual(stdout, "")
      }
    })
  )

  it.live("exits with 1 where nothing listens", () =>
    Effect.gen(function* () {
      const { status, stderr, stdout } = yield* run(["-n", "4", "-loglevel", "Error", "http://127.0.0.1:1/"])
      assert.strictEqual(status, 1)
      assert.match(stderr, /^weir-load: cannot connect to http:\/\/127\.0\.0\.1:1\/: .*ECONNREFUSED/)
      assert.strictEqual(stdout, "")
    })
  )

  it.live("lists its flags with --help and tells its version", () =>
    Effect.gen(function* () {
      const help = yield* run(["--help"])
      assert.strictEqual(help.status, 0)
      for (const flag of ["-c", "-n", "-t", "-H", "-X", "--qps", "--loglevel", "--payload", "--timeout", "--json"]) {
        assert.include(help.stdout, flag)
      }
      const version = yield* run(["--version"])
      assert.strictEqual(version.status, 0)
      assert.match(version.stdout, /\d+\.\d+\.\d+/)
    })
  )
})
