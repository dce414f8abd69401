# Tests: one program for each tests/<layer>/test_<noun>.c, registered with CTest as <layer>.<noun>, and for the layers
# that use the loop once for each backend, as <layer>.<noun>.<backend>. Other files named support_*.c in the same
# folder are linked into every test of it.

set(BIDE_LAYERS_WITHOUT_LOOP harness base stack proto)
set(BIDE_BACKENDS epoll io_uring)

# The layers whose tests stand on libbide-test, the harness that users get. The others, without a loop, are below it.
# Not on it: tests with a malloc of their own, and those that measure memory, which the harness uses too.
set(BIDE_LAYERS_ON_LIBRARY loop task sync io tls client server semantics history)
# Where time is what is tested, not the kernel: there it is virtual, so the order of events is the same on a busy machine.
set(BIDE_LAYERS_ON_VIRTUAL_CLOCK loop task sync semantics history)
set(BIDE_TESTS_NOT_ON_LIBRARY test_deep test_task test_server test_soak)

set(slowness ${BIDE_SLOWNESS})
if(NOT slowness)
    set(slowness 1)
    if(BIDE_SANITIZE OR BIDE_FUZZ)
        set(slowness 5)
    elseif(CMAKE_CROSSCOMPILING_EMULATOR)
        set(slowness 10)
    endif()
endif()

add_library(bide-harness STATIC ${PROJECT_SOURCE_DIR}/tests/harness/harness.c)
bide_apply_flags(bide-harness)
target_include_directories(bide-harness PUBLIC ${PROJECT_SOURCE_DIR}/tests/harness)
target_link_libraries(bide-harness PUBLIC Threads::Threads)

# What every test may look at.
set(BIDE_TEST_ENVIRONMENT "BIDE_SLOWNESS=${slowness}" "BIDE_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
    "BIDE_BUILD_DIR=${PROJECT_BINARY_DIR}" "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1"
    "ASAN_OPTIONS=detect_stack_use_after_return=0:strict_string_checks=1" "UBSAN_OPTIONS=print_stacktrace=1")

# bide_register_test(name environment command...): environment is added to the common one. The command is a target or a
# script; a target runs under the emulator when there is one.
function(bide_register_test name environment)
    add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "${BIDE_TEST_ENVIRONMENT};${environment}" TIMEOUT 900
        SKIP_RETURN_CODE 77)
endfunction()

function(bide_add_test layer source)
    get_filename_component(file ${source} NAME_WE)
    string(REGEX REPLACE "^test_" "" noun ${file})
    set(target ${file})
    if(TARGET ${target})
        set(target test_${layer}_${noun})
    endif()
    file(GLOB support CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${layer}/support_*.c)
    add_executable(${target} ${source} ${support})
    bide_apply_flags(${target})
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
    file(STRINGS ${source} own_malloc REGEX "__libc_malloc|RTLD_NEXT" LIMIT_COUNT 1)
    if(layer IN_LIST BIDE_LAYERS_ON_LIBRARY AND NOT own_malloc AND NOT file IN_LIST BIDE_TESTS_NOT_ON_LIBRARY)
        target_include_directories(${target} BEFORE PRIVATE ${PROJECT_SOURCE_DIR}/tests/harness/on_library)
        target_link_libraries(${target} PRIVATE bide-test ${BIDE_LIBRARIES})
        if(layer IN_LIST BIDE_LAYERS_ON_VIRTUAL_CLOCK)
            target_compile_definitions(${target} PRIVATE BIDE_TESTS_ON_VIRTUAL_CLOCK=1)
        endif()
    else()
        target_link_libraries(${target} PRIVATE bide-harness ${BIDE_LIBRARIES})
    endif()
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/${layer})
    if(layer IN_LIST BIDE_LAYERS_WITHOUT_LOOP)
        bide_register_test(${layer}.${noun} "" ${target})
        set_tests_properties(${layer}.${noun} PROPERTIES LABELS "${layer};cases")
        return()
    endif()
    target_compile_definitions(${target} PRIVATE BIDE_TEST_WITH_LOOP)
    foreach(backend ${BIDE_BACKENDS})
        bide_register_test(${layer}.${noun}.${backend} BIDE_BACKEND=${backend} ${target})
        set_tests_properties(${layer}.${noun}.${backend} PROPERTIES LABELS "${layer};cases;${backend}")
    endforeach()
endfunction()

file(GLOB layers CONFIGURE_DEPENDS LIST_DIRECTORIES true RELATIVE ${PROJECT_SOURCE_DIR}/tests
    ${PROJECT_SOURCE_DIR}/tests/*)
if(NOT TARGET bide-tls)
    list(REMOVE_ITEM layers tls)
    bide_register_test(tls "" sh -c "echo 'skipped: libbide-tls was not built'; exit 77")
endif()
foreach(layer ${layers})
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${layer}/test_*.c)
    foreach(source ${sources})
        bide_add_test(${layer} ${source})
    endforeach()
endforeach()

# What users get for their tests: test_planted runs these programs, and looks at what they say.
foreach(name planted working bridge)
    if(EXISTS ${PROJECT_SOURCE_DIR}/tests/test/planted/${name}.c)
        add_executable(test-${name} tests/test/planted/${name}.c)
        bide_apply_user_flags(test-${name})
        target_compile_options(test-${name} PRIVATE -O0) # the mistakes are not to be optimised away
        target_link_libraries(test-${name} PRIVATE bide-test)
        set_target_properties(test-${name} PROPERTIES OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/test)
        add_dependencies(test_planted test-${name})
    endif()
endforeach()

# The self-test of the harness starts itself again; under an emulator it has to be told how.
string(JOIN " " runner ${CMAKE_CROSSCOMPILING_EMULATOR})
set_tests_properties(harness.harness PROPERTIES ENVIRONMENT "${BIDE_TEST_ENVIRONMENT};CHECK_RUNNER=${runner}")

# Checks that are scripts. They look at whole programs, so they make no sense for a foreign or instrumented build.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND AND NOT CMAKE_CROSSCOMPILING)
    bide_register_test(tools "" ${Python3_EXECUTABLE} tests/harness/check-tools)
    bide_register_test(documents.semantics "" ${Python3_EXECUTABLE} tools/check-semantics)
    bide_register_test(documents.links "" ${Python3_EXECUTABLE} tools/check-links)
    set_tests_properties(documents.semantics documents.links PROPERTIES LABELS documents)
    if(TARGET bide-program)
        foreach(backend ${BIDE_BACKENDS})
            foreach(name fetch serve)
                bide_register_test(command.${name}.${backend} "BIDE_BACKEND=${backend};PYTHONDONTWRITEBYTECODE=1"
                    ${Python3_EXECUTABLE} tests/command/check-${name} --build ${PROJECT_BINARY_DIR})
                set_tests_properties(command.${name}.${backend} PROPERTIES LABELS "command;${backend}")
            endforeach()
        endforeach()
    endif()
    if(BIDE_BUILD_EXAMPLES AND NOT BIDE_SANITIZE)
        bide_register_test(seed "" ${Python3_EXECUTABLE} tests/seed/check-seed --build ${PROJECT_BINARY_DIR})
        set_tests_properties(seed PROPERTIES RUN_SERIAL TRUE LABELS seed) # it measures when each line arrives
    endif()
    if(TARGET example-guest-uv)
        foreach(backend ${BIDE_BACKENDS})
            bide_register_test(example.guest.${backend} "BIDE_BACKEND=${backend}" example-guest-uv)
            set_tests_properties(example.guest.${backend} PROPERTIES LABELS "example;${backend}" PASS_REGULAR_EXPRESSION
                "guest: from a program\nhost: the guest has left; the clock went on")
        endforeach()
    endif()
    if(NOT BIDE_SANITIZE)
        bide_register_test(readme "CC=${CMAKE_C_COMPILER}" ${Python3_EXECUTABLE} tools/run-readme --build ${PROJECT_BINARY_DIR})
        set_tests_properties(readme PROPERTIES LABELS readme)
        bide_register_test(install "CC=${CMAKE_C_COMPILER}" tests/install/check-install ${PROJECT_BINARY_DIR})
        set_tests_properties(install PROPERTIES LABELS install)
    endif()
endif()
