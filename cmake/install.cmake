# make install: headers, libraries, pkg-config files, the CMake package and the program.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/bide)
set(installed bide)
if(BUILD_SHARED_LIBS)
    list(APPEND installed bide-shared)
endif()
if(TARGET bide-http)
    list(APPEND installed bide-http)
    set_target_properties(bide-http PROPERTIES EXPORT_NAME http)
endif()
if(TARGET bide-tls)
    list(APPEND installed bide-tls)
    set_target_properties(bide-tls PROPERTIES EXPORT_NAME tls)
endif()
if(TARGET bide-test)
    list(APPEND installed bide-test)
    set_target_properties(bide-test PROPERTIES EXPORT_NAME test)
endif()
set_target_properties(bide PROPERTIES EXPORT_NAME bide-static)

install(TARGETS ${installed} EXPORT bide
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
if(TARGET bide-program)
    install(TARGETS bide-program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

set(BIDE_TLS_INSTALLED OFF)
if(TARGET bide-tls)
    set(BIDE_TLS_INSTALLED ON)
endif()
install(EXPORT bide NAMESPACE bide:: FILE bideTargets.cmake DESTINATION ${package_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/bideConfig.cmake.in ${PROJECT_BINARY_DIR}/bideConfig.cmake
    INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/bideConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/bideConfig.cmake ${PROJECT_BINARY_DIR}/bideConfigVersion.cmake
    ${PROJECT_SOURCE_DIR}/cmake/bideTest.cmake ${PROJECT_SOURCE_DIR}/cmake/bideTestDiscovery.cmake
    DESTINATION ${package_dir})

# The .pc files find themselves by ${pcfiledir}, so a prefix chosen at install time (or moved later) is right too.
file(RELATIVE_PATH prefix_from_pc /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
foreach(name bide bide-http bide-tls bide-test)
    if(TARGET ${name})
        configure_file(${PROJECT_SOURCE_DIR}/cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
        install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
    endif()
endforeach()
