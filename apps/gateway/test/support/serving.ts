/**
 * The gateway as a process with a configuration of its own, on ports that the system chooses.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { serviceYaml } from "./gateway.ts"
import { type Running, startGatewayOn } from "./program.ts"

/** A folder with these files, for as long as the scope lasts. */
export const folderOf = (files: Readonly<Record<string, string>>) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "weir-gateway-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    ),
    (folder) => {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
      return folder
    }
  )

export const anyPorts = ["--port", "0", "--admin-port", "0"]

export const portsOf = ({ stderr, stdout }: Running): { readonly port: number; readonly adminPort: number } => {
  const said = stdout() + stderr()
  const portAfter = (name: string) =>
    Number(new RegExp(`^${name} +http://127\\.0\\.0\\.1:(\\d+)/`, "m").exec(said)?.[1])
  return { port: portAfter("gateway"), adminPort: portAfter("admin") }
}

/** The gateway's process on a runtime, with a configuration for one endpoint. */
export const servingOn = (
  runtime: Parameters<typeof startGatewayOn>[0],
  upstreamPort: number,
  ...args: ReadonlyArray<string>
) =>
  Effect.gen(function* () {
    const folder = yield* folderOf({ "up.yaml": serviceYaml({ ports: [upstreamPort] }) })
    const running = yield* startGatewayOn(runtime, "--config", folder, ...anyPorts, ...args)
    yield* running.until("serving until Ctrl-C")
    return { running, ...portsOf(running) }
  })

export const serving = (upstreamPort: number, ...args: ReadonlyArray<string>) =>
  servingOn("node", upstreamPort, ...args)
