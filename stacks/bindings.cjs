// Preloaded into jsii's Node process: the index of the AWS bindings requires a resource's module when the
// resource is first used, instead of all of them at start.
const { _extensions: extensions } = require("node:module");

const INDEX = /[\\/]@cdktf[\\/]provider-aws[\\/]lib[\\/]index\.js$/;
const load = extensions[".js"];

extensions[".js"] = (module, filename) => {
  if (INDEX.test(filename)) {
    const compile = module._compile;
    module._compile = (source, ...rest) =>
      compile.call(
        module,
        source.replace(
          /^exports\.(\w+) = (require\(".+"\));$/gm,
          'Object.defineProperty(exports, "$1", { enumerable: true, get: () => $2 });',
        ),
        ...rest,
      );
  }
  load(module, filename);
};
