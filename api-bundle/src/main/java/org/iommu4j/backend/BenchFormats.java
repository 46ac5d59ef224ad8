package org.iommu4j.backend;

/** The formats of a backend that was made before {@link NativeFormats}: its support for test benches knows them. */
record BenchFormats(BenchSupport bench) implements NativeFormats {
    @Override
    public String eventFormat(byte[] record) {
        return bench.eventFormat(record);
    }

    @Override
    public String entryFormat(String what) {
        return bench.entryFormat(what);
    }

    @Override
    public String commandRegister(byte[] command) {
        return bench.commandRegister(command);
    }

    @Override
    public boolean isCompletion(byte[] command) {
        return bench.isCompletion(command);
    }
}
