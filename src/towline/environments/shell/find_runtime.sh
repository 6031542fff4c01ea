# Find the program that runs containers. Set in front: runtime (auto, a name, a path). Sets program,
# or answers @@why= and @@do= and ends.

why() { # cause, next step
    printf '@@why=%s\n@@do=%s\n' "$1" "$2"
    exit 5
}
if [ "$runtime" = auto ]; then
    program=$(command -v apptainer || command -v singularity) ||
        why "there is neither apptainer nor singularity" "name the module that brings it (modules), or its path (container_runtime)"
else
    program=$(command -v "$runtime") || why "there is no $runtime" "name the module that brings it (modules), or its path (container_runtime)"
fi
