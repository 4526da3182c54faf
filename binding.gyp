{
  "targets": [
    {
      "target_name": "nm_core",
      "type": "static_library",
      "sources": [
        "<!@(find native -name '*.cc' ! -path 'native/addon/*' ! -path 'native/switch_worker/*' ! -path 'native/test/*' ! -path 'native/bench/*' ! -path 'native/preload/*' ! -path 'native/fuzz/*' ! -path 'native/build/*' ! -name print_ts.cc | sort)"
      ],
      "include_dirs": ["native"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-O3"],
      "cflags_cc": ["-std=c++20", "-O2", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", "-Wall", "-Wextra"]
    },
    {
      "target_name": "nm-switch-worker",
      "type": "executable",
      "dependencies": ["nm_core"],
      "sources": ["native/switch_worker/main.cc"],
      "include_dirs": ["native"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-O3"],
      "cflags_cc": ["-std=c++20", "-O2", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", "-Wall", "-Wextra"],
      "libraries": ["-pthread", "-ldl"]
    },
    {
      "target_name": "nm",
      "dependencies": ["nm_core"],
      "sources": ["<!@(find native/addon -name '*.cc' | sort)"],
      "include_dirs": ["native", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-O3"],
      "cflags_cc": ["-std=c++20", "-O2", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", "-Wall", "-Wextra"],
      "libraries": ["-pthread", "-ldl"]
    },
    {
      "target_name": "nm_preload",
      "type": "shared_library",
      "product_prefix": "",
      "sources": [
        "<!@(find native/device native/engine native/nic native/preload -name '*.cc' | sort)"
      ],
      "include_dirs": ["native"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-O3"],
      "cflags_cc": [
        "-std=c++20", "-O2", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", "-ftls-model=initial-exec",
        "-Wall", "-Wextra"
      ],
      "ldflags": ["-Wl,--version-script=<(module_root_dir)/native/preload/exports.map"],
      "libraries": ["-pthread", "-ldl"]
    },
    {
      "target_name": "netmap",
      "type": "static_library",
      "standalone_static_library": 1,
      "product_prefix": "lib",
      "sources": ["<!@(find native/libnetmap -name '*.c' | sort)"],
      "include_dirs": ["native/include"],
      "cflags_c": ["-std=gnu11", "-O2", "-fPIC", "-Wall", "-Wextra"]
    }
  ]
}
