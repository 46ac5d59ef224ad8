package org.iommu4j.upgrade.replay;

import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.UnitConfig;

/** The backend that serves a model at this moment: none while its bundle is updated in place; and the machines it gets. */
public final class Serving {
    private Serving() {}

    /**
     * The backend that serves.
     *
     * @throws BackendException {@code ENODEV} if none does; it says why
     */
    public static Backend backend(IommuService service, IommuModel model) {
        Backend backend = service.backend(model);
        if (backend == null) {
            String why = service.absence(model);
            throw new BackendException(
                    Errno.ENODEV, "no backend serves model " + model.label() + (why.isEmpty() ? "" : ": " + why));
        }
        return backend;
    }

    /**
     * A machine with a host's chip, which can what a captured one can and what the format asks for beside. Where it has to be of
     * another generation than the captured one, it is that generation's default chip, and shims bring the guest's requests to it.
     *
     * @param generations that it may have; of those that are not the captured one the newest is taken
     * @throws BackendException as {@link #machine}
     */
    public static UnitConfig host(
            IommuService service, CaptureFormat format, HardwareConfig captured, Set<Integer> generations) {
        if (!generations.contains(captured.subVersion())) {
            int newest = Collections.max(generations, Integer::compareUnsigned);
            return machine(
                    service,
                    format.model(),
                    new HardwareConfig(newest, format.hostFields(), Map.of(), captured.cache(), Map.of()));
        }
        Map<String, Map<String, Long>> fields = new HashMap<>(captured.fields());
        format.hostFields().forEach((group, more) -> {
            Map<String, Long> all = new HashMap<>(fields.getOrDefault(group, Map.of()));
            all.putAll(more);
            fields.put(group, all);
        });
        return machine(
                service,
                format.model(),
                new HardwareConfig(
                        captured.subVersion(), fields, captured.registers(), captured.cache(), captured.options()));
    }

    /**
     * A machine with a captured chip and a driver: its memory reaches no further than the chip, nor than the generation says.
     *
     * @throws BackendException {@code ENODEV} if no backend serves the model, and as {@link Backend#createHardware} for a
     *     configuration that it refuses
     */
    static UnitConfig machine(IommuService service, IommuModel model, HardwareConfig chip) {
        Backend backend = backend(service, model);
        int width = Math.min(
                backend.describe().generation(chip.subVersion()).hostAddressWidth(),
                backend.bench().hostAddressWidth(chip));
        return new UnitConfig(model, chip, false, width, List.of(), (address, data) -> {}, DevicePort.COMPLETING);
    }
}
