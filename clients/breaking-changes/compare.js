// Prints what breaks clients of the first document with a server of the second:
//
//   node compare.js BEFORE.json AFTER.json
//
// Exits with 1 if something does and the version does not say so. It has to: by its first number, or
// by its second while the first is 0.

import { readFileSync } from "node:fs";
import { apiCompare } from "api-smart-diff";

const [before, after] = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, "utf8")));

// Puts components other than schemas where they are referred to: apiCompare does not look into those
// that both documents refer to by the same name.
function inline(value, document) {
  if (Array.isArray(value)) return value.map((item) => inline(item, document));
  if (typeof value !== "object" || value === null) return value;
  const [, kind, name] = /^#\/components\/(?!schemas\/)(\w+)\/(.+)$/.exec(value.$ref) ?? [];
  if (kind) return inline(document.components[kind][name], document);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inline(item, document)]));
}

function withoutComponents({ components, ...document }) {
  const { schemas, securitySchemes } = components;
  return inline({ ...document, components: { schemas, securitySchemes } }, { components });
}

function operations(document) {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, ...operation })),
  );
}

function place([first, path, method, ...rest]) {
  return first === "paths" && method
    ? `${method.toUpperCase()} ${path}: ${rest.join("/")}`
    : [first, path, method, ...rest].join("/");
}

// Names of generated functions, which an HTTP client would not notice.
const renamed = operations(before).flatMap(({ path, method, operationId }) => {
  const now = after.paths[path]?.[method]?.operationId ?? operationId;
  return now === operationId ? [] : [`${place(["paths", path, method])}${operationId} is ${now}`];
});
const { diffs } = apiCompare(withoutComponents(before), withoutComponents(after));
const broken = diffs
  .filter((change) => change.type === "breaking")
  .map((change) => `${place(change.path)} ${change.description || change.action}`);

// Parameters that are written in another way, which apiCompare does not notice.
const format = ({ schema = {}, style = "form", explode = style === "form" }) =>
  JSON.stringify({ type: schema.type, items: schema.items?.type, style, explode });
const parametersOf = (document) =>
  operations(document).flatMap(({ path, method, parameters = [] }) =>
    parameters.map((parameter) => [`${place(["paths", path, method])}${parameter.in} ${parameter.name}`, format(parameter)]),
  );
const formats = new Map(parametersOf(withoutComponents(after)));
const rewritten = parametersOf(withoutComponents(before)).flatMap(([parameter, was]) => {
  const now = formats.get(parameter) ?? was;
  return now === was ? [] : [`${parameter} is ${now} instead of ${was}`];
});

const changes = [...renamed, ...broken, ...rewritten];
const breaking = (version) => version.split(".").slice(0, version.startsWith("0.") ? 2 : 1).join(".");
const [from, to] = [before.info.version, after.info.version];
const announced = breaking(from) !== breaking(to);
console.log(`${changes.length} breaking changes from version ${from} to ${to}`);
for (const change of changes.slice(0, 100)) console.log(`  ${change}`);
if (changes.length > 100) console.log(`  … and ${changes.length - 100} more`);
process.exitCode = changes.length > 0 && !announced ? 1 : 0;
