/**
 * The real servers that some suites talk to, installed from Debian packages when they are missing:
 * `node scripts/servers.ts [package ...]`, every package without one.
 *
 * It installs only as root and where apt-get exists; elsewhere it says what is missing and how to get it. Nothing
 * happens for a server that is already there.
 */
import { spawnSync } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"

/** Debian package and the program it brings. */
const programs: ReadonlyMap<string, string> = new Map([
  ["apache2", "apache2"],
  ["caddy", "caddy"],
  ["haproxy", "haproxy"],
  ["lighttpd", "lighttpd"],
  ["microsocks", "microsocks"],
  ["nginx", "nginx"],
  ["openssl", "openssl"],
  ["python3", "python3"],
  ["redis-server", "redis-server"],
  ["tinyproxy", "tinyproxy"]
])

/** Where Debian puts servers, which the PATH of an ordinary user leaves out. */
const serverDirectories = ["/usr/sbin", "/usr/local/sbin", "/sbin"]

function isInstalled(packageName: string): boolean {
  const program = programs.get(packageName)
  if (program === undefined) {
    throw new Error(`servers.ts does not know the package ${packageName}, only ${[...programs.keys()].join(", ")}.`)
  }
  return [...(process.env["PATH"] ?? "").split(delimiter), ...serverDirectories].some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function aptGet(...aptArguments: ReadonlyArray<string>): boolean {
  const { status } = spawnSync("apt-get", ["-qq", ...aptArguments], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdio: ["ignore", 2, 2]
  })
  return status === 0
}

/** Installs what is missing and returns the packages that are missing still. */
export function installServers(packageNames: ReadonlyArray<string>): ReadonlyArray<string> {
  const missing = packageNames.filter((name) => !isInstalled(name))
  if (missing.length === 0) return missing
  console.error(`Missing servers: ${missing.join(", ")}.`)
  if (process.getuid?.() === 0 && aptGet("update")) aptGet("install", "--yes", "--no-install-recommends", ...missing)
  const remaining = missing.filter((name) => !isInstalled(name))
  if (remaining.length > 0) {
    console.error(
      `NOT INSTALLED: ${remaining.join(", ")}. It takes root and apt-get; elsewhere install them yourself, so that ` +
        `${remaining.map((name) => programs.get(name)).join(", ")} can be found in PATH.`
    )
  }
  return remaining
}

if (import.meta.main) {
  const asked = process.argv.slice(2)
  process.exitCode = installServers(asked.length > 0 ? asked : [...programs.keys()]).length === 0 ? 0 : 1
}
