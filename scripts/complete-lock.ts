/**
 * Adds the packages made for other platforms that package-lock.json lacks: `node scripts/complete-lock.ts`, to be run
 * after `npm install`.
 *
 * npm leaves an optional package out of the lock file when the registry it talks to does not know it, as mirrors that
 * keep one platform only do, and then refuses its own lock file elsewhere ("Missing: ... from lock file"). What is
 * added here has no checksum, for nobody has seen the package; npm skips it on this platform and fetches it on its own.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

export interface LockedPackage {
  readonly version?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly os?: ReadonlyArray<string>
  readonly cpu?: ReadonlyArray<string>
  readonly libc?: ReadonlyArray<string>
}

export type LockedPackages = Readonly<Record<string, LockedPackage>>

export interface MissingPackage {
  readonly name: string
  readonly version: string
  /** The path in the lock file of the package that asks for it. */
  readonly wantedBy: string
}

const systems = new Map([
  ["aix", "aix"],
  ["android", "android"],
  ["darwin", "darwin"],
  ["freebsd", "freebsd"],
  ["linux", "linux"],
  ["win32", "win32"],
  ["windows", "win32"]
])

const processors = new Map([
  ["64", "x64"],
  ["aarch64", "arm64"],
  ["arm", "arm"],
  ["arm64", "arm64"],
  ["ia32", "ia32"],
  ["x64", "x64"]
])

const libraries = new Map([
  ["glibc", "glibc"],
  ["gnu", "glibc"],
  ["musl", "musl"]
])

/** Every optional dependency that no entry of the lock file satisfies. */
export function findMissing(packages: LockedPackages): ReadonlyArray<MissingPackage> {
  const missing: Array<MissingPackage> = []
  for (const [wantedBy, wanting] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(wanting.optionalDependencies ?? {})) {
      const isNested = Object.hasOwn(packages, `${wantedBy}/node_modules/${name}`)
      if (!isNested && !Object.hasOwn(packages, `node_modules/${name}`)) missing.push({ name, version, wantedBy })
    }
  }
  return missing
}

/** The entry for a package that only its name tells about, such as `@deno/linux-arm64-glibc`. */
export function describeByName(missing: MissingPackage, isDev: boolean): LockedPackage {
  const words = missing.name.split(/[/-]/)
  const pick = (known: ReadonlyMap<string, string>): string | undefined =>
    words.map((word) => known.get(word)).find((word) => word !== undefined)
  const [os, cpu, libc] = [pick(systems), pick(processors), pick(libraries)]
  if (os === undefined || cpu === undefined || !/^\d+\.\d+\.\d+[^\s|]*$/.test(missing.version)) {
    throw new Error(
      `${missing.wantedBy} wants ${missing.name}@${missing.version}, which package-lock.json lacks and whose platform ` +
        "its name does not tell: add the entry by hand, or install with a registry that knows the package."
    )
  }
  return {
    version: missing.version,
    cpu: [cpu],
    ...(isDev ? { dev: true } : {}),
    ...(libc === undefined ? {} : { libc: [libc] }),
    optional: true,
    os: [os]
  }
}

if (import.meta.main) {
  const path = fileURLToPath(new URL("../package-lock.json", import.meta.url))
  const lock: { packages: Record<string, LockedPackage> } = JSON.parse(readFileSync(path, "utf8"))
  const missing = findMissing(lock.packages)
  for (const one of missing) {
    lock.packages[`node_modules/${one.name}`] = describeByName(one, lock.packages[one.wantedBy]?.dev === true)
  }
  // npm sorts by path too, so its next change stays small.
  const packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, "en")))
  writeFileSync(path, `${JSON.stringify({ ...lock, packages }, null, 2)}\n`)
  console.log(`${missing.length} packages of other platforms added to package-lock.json`)
}
