/**
 * Rules about package.json and package-lock.json. Each returns its findings as sentences; none is good.
 */
import { findMissing, type LockedPackage, type LockedPackages } from "../../scripts/complete-lock.ts"
import type { Dependencies, Manifest, Package } from "./Workspace.ts"

const fields = ["dependencies", "devDependencies", "peerDependencies", "optionalDependencies"] as const

/** The package that bridges to the previous major version of these libraries, and so needs it. */
const otherMajor = {
  directory: "packages/effect3",
  libraries: ["effect", "@effect/platform", "@effect/platform-bun", "@effect/platform-node"]
}

/** A library has one exact version everywhere, and the packages of this repository ask for the version they have. */
export function checkVersions(root: Manifest, packages: ReadonlyArray<Package>): ReadonlyArray<string> {
  const findings: Array<string> = []
  const first = new Map<string, { readonly version: string; readonly directory: string }>()
  for (const { manifest } of packages)
    first.set(manifest.name, { version: manifest.version ?? "", directory: "its own" })
  for (const { directory, manifest } of [{ directory: "the root", manifest: root }, ...packages]) {
    for (const field of fields) {
      for (const [name, version] of Object.entries(manifest[field] ?? {})) {
        if (directory === otherMajor.directory && otherMajor.libraries.includes(name)) continue
        // A peer dependency is a range by nature: it says what the user may bring.
        if (field === "peerDependencies") continue
        if (!/^\d+\.\d+\.\d+/.test(version)) findings.push(`${directory} asks for ${name} ${version}, not one version`)
        const known = first.get(name) ?? { version, directory }
        first.set(name, known)
        if (known.version !== version) {
          findings.push(`${directory} asks for ${name} ${version}, ${known.directory} manifest says ${known.version}`)
        }
      }
    }
  }
  return findings
}

/** The packages whose users never see Effect 4; they bring it along. */
const effectOwners = ["packages/fetch", "packages/effect3"]

/**
 * What every package says of itself, so that it can be built and published. Effect 4 is asked for as a peer: where a
 * program has another version at its root, npm would otherwise give each of our packages a copy of its own, and what
 * one copy makes another does not know.
 */
export function checkManifest({ directory, manifest }: Package): ReadonlyArray<string> {
  const wanted: Array<[string, unknown, unknown]> = [
    ["license", manifest.license, "MIT"],
    ["type", manifest.type, "module"],
    ["name", manifest.name, `@weir/${directory.slice(directory.indexOf("/") + 1)}`]
  ]
  if (directory.startsWith("packages/")) {
    wanted.push(
      ["sideEffects", manifest.sideEffects, false],
      ["engines.node", manifest.engines?.["node"], ">=22.19.0"],
      ["files", manifest.files?.join(), "dist,src"],
      ["scripts.build", manifest.scripts?.["build"], "rm -rf dist && tsc -p tsconfig.build.json"]
    )
    if (!effectOwners.includes(directory)) {
      wanted.push(
        ["dependencies.effect", manifest.dependencies?.["effect"], undefined],
        ["peerDependencies.effect", manifest.peerDependencies?.["effect"], "^4.1.0"]
      )
    }
  } else {
    wanted.push(["private", manifest.private, true])
  }
  const wrong = wanted
    .filter(([, found, expected]) => found !== expected)
    .map(([field, found, expected]) => `${directory}/package.json: ${field} is ${found}, not ${expected}`)
  return manifest.description === undefined ? [...wrong, `${directory}/package.json has no description`] : wrong
}

/** The build of a package refers to the builds of exactly the packages it depends on. */
export function checkReferences(
  { directory, manifest }: Package,
  references: ReadonlyArray<{ readonly path: string }>
): ReadonlyArray<string> {
  const expected = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
    .filter((name) => name.startsWith("@weir/"))
    .map((name) => `../${name.slice("@weir/".length)}/tsconfig.build.json`)
    .sort()
  const found = references.map(({ path }) => path).sort()
  return found.join() === expected.join()
    ? []
    : [`${directory}/tsconfig.build.json refers to [${found.join(", ")}], not to [${expected.join(", ")}]`]
}

/** `npm ci` refuses a lock file that knows other dependencies than the manifests do. */
export function checkLock(
  locked: LockedPackages & Readonly<Record<string, LockedPackage & Manifest>>,
  root: Manifest,
  packages: ReadonlyArray<Package>
): ReadonlyArray<string> {
  const stale = [{ directory: "", manifest: root }, ...packages].flatMap(({ directory, manifest }) =>
    fields
      .filter((field) => flatten(locked[directory]?.[field]) !== flatten(manifest[field]))
      .map((field) => `package-lock.json is behind ${directory || "the root"}'s ${field}: run npm install`)
  )
  const missing = findMissing(locked).map(
    ({ name, version }) => `package-lock.json lacks ${name}@${version}: run scripts/complete-lock.ts`
  )
  return [...stale, ...missing]
}

function flatten(dependencies: Dependencies | undefined): string {
  return Object.entries(dependencies ?? {})
    .map(([name, version]) => `${name}@${version}`)
    .sort()
    .join()
}
