package org.iommu4j.upgrade.capture;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.upgrade.json.JsonObject;

/**
 * The units of a captured machine as its frozen registers describe them: {@code units}, a list of objects that each have a
 * name ({@code unit}) and the unit's registers, and {@code devices}, a list of which device ({@code dev}) belongs to which
 * unit. A machine with one unit has its registers outside of any list.
 */
final class CapturedUnits {
    /** Key of a unit's name: a text, or a number. */
    static final String UNIT = "unit";

    /** Longest name of a unit. */
    static final int LONGEST_NAME = 64;

    private static final String UNITS = "units";
    private static final String DEVICES = "devices";

    private final CaptureFormat format;
    private final Map<String, Map<String, Long>> registers = new LinkedHashMap<>();
    private final Map<Integer, String> unitOfDevice = new HashMap<>();

    /**
     * The units that frozen registers describe.
     *
     * @throws org.iommu4j.upgrade.CaptureException if a unit is described twice, or a device belongs to one that is not
     */
    CapturedUnits(CaptureFormat format, JsonObject frozen) {
        this.format = format;
        if (!frozen.has(UNITS)) {
            return;
        }
        for (JsonObject unit : frozen.objects(UNITS)) {
            String name = unit.nameOrNumber(UNIT, LONGEST_NAME);
            if (registers.putIfAbsent(name, unit.numbers()) != null) {
                throw unit.reject(UNIT, "describes unit " + name + " again");
            }
        }
        if (frozen.has(DEVICES)) {
            for (JsonObject device : frozen.objects(DEVICES)) {
                unitOfDevice.put((int) device.number("dev", 0, format.lastRequester()), described(device));
            }
        }
    }

    /** The error for a record of a unit that nothing describes. */
    static String undescribed(String name, Set<String> described) {
        return "names unit " + name + ", which the capture does not describe; it describes "
                + (described.isEmpty() ? "none" : String.join(", ", described));
    }

    /** The names of those that are described, in their order; empty for a machine whose registers stand in no list. */
    Set<String> described() {
        return registers.keySet();
    }

    /**
     * The unit that an object among the frozen registers names; empty if the machine's registers stand in no list.
     *
     * @throws org.iommu4j.upgrade.CaptureException if it names none that is described
     */
    String described(JsonObject object) {
        if (registers.isEmpty()) {
            return "";
        }
        String name = object.nameOrNumber(UNIT, LONGEST_NAME);
        if (!registers.containsKey(name)) {
            throw object.reject(UNIT, undescribed(name, registers.keySet()));
        }
        return name;
    }

    /** The frozen registers of a unit; null if it is not described. */
    Map<String, Long> registers(String unit) {
        return registers.get(unit);
    }

    /** The unit that translates for a requester; empty if nothing tells. */
    String ofRequester(int requester) {
        String listed = unitOfDevice.get(requester);
        if (listed != null) {
            return listed;
        }
        return format.unitOfRequester() == null
                ? ""
                : Long.toUnsignedString(format.unitOfRequester().part(Integer.toUnsignedLong(requester)));
    }

    /** The unit that a line names, or that of its requester if it names none. */
    String of(JsonObject line, int requester) {
        return line.isNull(UNIT) ? ofRequester(requester) : line.nameOrNumber(UNIT, LONGEST_NAME);
    }
}
