# bide_discover_tests(TARGET [PREFIX text] [ARGUMENTS ...]): makes each single test of a program that is linked with
# libbide-test a test of CTest, called <prefix><name>. The program is asked for its tests when it has been built.
set(BIDE_TEST_DISCOVERY ${CMAKE_CURRENT_LIST_DIR}/bideTestDiscovery.cmake)

function(bide_discover_tests target)
    cmake_parse_arguments(PARSE_ARGV 1 given "" "PREFIX" "ARGUMENTS")
    set(file ${CMAKE_CURRENT_BINARY_DIR}/${target}_tests.cmake)
    add_custom_command(TARGET ${target} POST_BUILD BYPRODUCTS ${file} VERBATIM
        COMMAND ${CMAKE_COMMAND} "-DPROGRAM=$<TARGET_FILE:${target}>" "-DFILE=${file}" "-DPREFIX=${given_PREFIX}"
            "-DARGUMENTS=${given_ARGUMENTS}" "-DRUNNER=${CMAKE_CROSSCOMPILING_EMULATOR}" -P ${BIDE_TEST_DISCOVERY})
    file(WRITE ${file}.include "if(EXISTS \"${file}\")\n  include(\"${file}\")\nelse()\n  add_test(${target}_NOT_BUILT ${target}_NOT_BUILT)\nendif()\n")
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${file}.include)
endfunction()
