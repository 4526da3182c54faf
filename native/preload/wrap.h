// How the functions that programs call are defined: with the C library's name outside, and one of ours inside.
#pragma once

// Defines what programs call `symbol`. Its name here is another, because the C library's headers declare that one
// in ways of their own.
#define WRAP(result, symbol, ...)                                                                      \
  extern "C" __attribute__((visibility("default"))) result wrap_##symbol(__VA_ARGS__) __asm__(#symbol); \
  result wrap_##symbol(__VA_ARGS__)
// Another name of the same function.
#define ALIAS(result, symbol, wrapped, ...)                                                            \
  extern "C" __attribute__((visibility("default"), alias(#wrapped))) result wrap_##symbol(__VA_ARGS__) \
      __asm__(#symbol);
